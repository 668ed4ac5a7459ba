"""Web application, as the web process and a WSGI server serve it.

The pages for people need Flask and most of the bot's code, 20 MiB, and many installations rarely
show one. So they are another application, which is made at the first request for a page.

A server such as gunicorn (``gunicorn --workers 2 bot.web.wsgi:app``) decides on addresses and
ports, so ``HOST`` and ``PORT`` do not count there.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from typing import TYPE_CHECKING

from redis import Redis

from bot import logs
from bot.queue import connect_for_web
from bot.settings import BotSettings, from_environment, log_advice
from bot.web.app import (
    AddressError,
    CountsToRedis,
    DataGate,
    Site,
    machine_routes,
    metrics_route,
    serve,
)
from jobs.settings import Settings, SettingsError

if TYPE_CHECKING:
    from flask import Flask

OF_PEOPLE = frozenset(
    {"signin", "access", "consent", "rehearsal", "microsoft", "handover", "history", "pages"}
)
"""First words of the paths of the pages for people."""


def whole_site(settings: BotSettings, work: Settings, redis: Redis) -> Site:
    # The application makes no connection before its first request, so a fork is safe.
    log_advice(settings)
    routes = machine_routes(settings, redis)
    if settings.metrics_token:
        routes |= metrics_route(redis, settings.metrics_token)
    people = cache(lambda: pages_for_people(settings, work))
    return Site(
        routes,
        lambda path: people() if OF_PEOPLE.intersection(path.split("/")[1:2]) else None,
        (DataGate(redis), CountsToRedis(redis)),
        https=settings.public_url.startswith("https://"),
    )


def pages_for_people(settings: BotSettings, work: Settings) -> Flask:
    from bot.services import Services  # noqa: PLC0415  at the first request for a page
    from bot.web import history_page, pages, secret_page, sign_in  # noqa: PLC0415  same
    from bot.webex.client import HURRIED, Webex  # noqa: PLC0415  same

    webex = Webex(settings.webex_access_token, settings.webex_api_url, HURRIED)
    services = Services.of(settings, work, connect_for_web(settings.redis_url), webex)
    app = pages.create_app((sign_in.pages, secret_page.pages, history_page.pages, pages.assets))
    app.config["SERVICES"] = services
    app.before_request(pages.use_browsers_language)
    return app


def main(settings: BotSettings, work: Settings) -> int:
    """Serve until SIGTERM, and return 0, or 1 if nobody can listen at HOST and PORT."""
    redis = connect_for_web(settings.redis_url)
    try:
        serve(whole_site(settings, work, redis), redis, settings.port, settings.host)
    except AddressError as error:
        print(error, file=sys.stderr)  # noqa: T201  CLI output
        return 1
    return 0


NOT_BOOTED = 3
"""Exit code of a worker after which gunicorn ends as a whole.

After any other code gunicorn starts the worker again forever.
"""


@cache
def _application() -> Site:
    logs.configure(os.environ.get("LOG_LEVEL", ""))
    try:
        settings, work = from_environment(os.environ)
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201  for the operator
        raise SystemExit(NOT_BOOTED) from None
    return whole_site(settings, work, connect_for_web(settings.redis_url))


def __getattr__(name: str) -> Site:
    """Return the application as ``app``. A server asks for it; an import alone makes nothing."""
    if name == "app":
        return _application()
    raise AttributeError(name)
