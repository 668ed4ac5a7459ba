"""Web application, as the web process and a WSGI server serve it.

The pages for people need most of the bot's code, 15 MiB of it, and many installations rarely show
one. So they are another application, which is made at the first request for a page.

A server such as gunicorn (``gunicorn --workers 2 bot.web.wsgi:app``) decides on addresses and
ports, so ``HOST`` and ``PORT`` do not count there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from flask import Blueprint, Flask
from redis import Redis

from bot import logs
from bot.queue import connect_for_web
from bot.settings import BotSettings, log_advice, settings_problems
from bot.web.app import CountsToRedis, DataGate, create_app, metrics_page
from jobs.settings import Settings, read_files

OF_PEOPLE = frozenset(
    {"signin", "access", "consent", "rehearsal", "microsoft", "handover", "history", "pages"}
)
"""First words of the paths of the pages for people."""


def whole_site(settings: BotSettings, work: Settings) -> Flask:
    # The application makes no connection before its first request, so a fork is safe.
    log_advice(settings)
    redis = connect_for_web(settings.redis_url)
    app = _created(settings, redis)
    if settings.metrics_token and not settings.metrics_port:
        app.register_blueprint(metrics_page(redis, settings.metrics_token))
    of_machines, of_people = app.wsgi_app, cache(lambda: pages_for_people(settings, work))

    def dispatch(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        first = environ["PATH_INFO"].split("/")[1:2]
        return (of_people() if OF_PEOPLE.intersection(first) else of_machines)(environ, start)

    app.wsgi_app = dispatch  # type: ignore[assignment, method-assign]  # Flask says so
    return app


def pages_for_people(settings: BotSettings, work: Settings) -> Flask:
    from bot.services import Services  # noqa: PLC0415  at the first request for a page
    from bot.web import history_page, pages, secret_page, sign_in  # noqa: PLC0415  same
    from bot.webex.client import HURRIED, Webex  # noqa: PLC0415  same

    webex = Webex(settings.webex_access_token, settings.webex_api_url, HURRIED)
    services = Services.of(settings, work, connect_for_web(settings.redis_url), webex)
    shown = (sign_in.pages, secret_page.pages, history_page.pages, pages.assets)
    app = _created(settings, services.redis, shown)
    app.config["SERVICES"] = services
    app.before_request(pages.use_browsers_language)
    return app


def _created(settings: BotSettings, redis: Redis, pages: Iterable[Blueprint] = ()) -> Flask:
    app = create_app(settings, redis, pages=pages)
    app.after_request(CountsToRedis(redis))
    app.before_request(DataGate(redis))
    return app


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
