"""WSGI object, for a server such as gunicorn: ``gunicorn --workers 2 bot.web.wsgi:app``.

The server decides on addresses and ports, so ``HOST`` and ``PORT`` do not count here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import cache

from flask import Flask

from bot import logs
from bot.settings import BotSettings, settings_problems
from bot.web.site import whole_site
from jobs.settings import Settings, read_files

NOT_BOOTED = 3
"""Exit code of a worker after which gunicorn ends as a whole.

After any other code gunicorn starts the worker again forever.
"""


def from_environment(env: Mapping[str, str]) -> Flask:
    """Return the application for the settings of the environment.

    Raises:
        SystemExit: A setting is missing or wrong; each is named on stderr.
    """
    logs.configure(env.get("LOG_LEVEL", ""))
    values, unread = read_files(env)
    if problems := settings_problems(values, unread):
        print(*problems, sep="\n", file=sys.stderr)  # noqa: T201  for the operator
        raise SystemExit(NOT_BOOTED)
    return whole_site(BotSettings.from_env(values), Settings.from_env(values))


@cache
def _application() -> Flask:
    return from_environment(os.environ)


def __getattr__(name: str) -> Flask:
    """Return the application as ``app``. A server asks for it; an import alone makes nothing."""
    if name == "app":
        return _application()
    raise AttributeError(name)
