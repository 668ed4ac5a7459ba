"""GET /metrics: the numbers for Prometheus, off unless a setting asks for them.

With METRICS_TOKEN alone they are a page of the web process. With METRICS_PORT they have a port of
their own. Without a token that port is one of this machine only, so the numbers are never public
without the token.
"""

from __future__ import annotations

import hmac
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import structlog
from flask import Blueprint, Flask, Response, request
from redis import Redis
from waitress.server import create_server  # type: ignore[import-untyped]  # waitress has no types

from bot.queue import connect_for_web
from bot.settings import BotSettings
from bot.web.app import add_headers, listener, on_error
from jobs.storage.counters import COUNTERS

PATH = "/metrics"
LOOPBACK = "127.0.0.1"
log = structlog.get_logger(__name__)


def page(redis: Redis, token: str) -> Blueprint:
    """Return the page with the metrics.

    If there is a token, a request without ``Authorization: Bearer`` and that token gets a 401.
    """
    from bot.queue.metrics import exposition  # noqa: PLC0415  prometheus-client only if it is asked for

    pages = Blueprint("metrics", __name__)

    @pages.get(PATH)
    def metrics() -> Response:
        if token and not _is_given(token):
            return Response(status=HTTPStatus.UNAUTHORIZED, headers={"WWW-Authenticate": "Bearer"})
        COUNTERS.flush(redis)
        content, kind = exposition(redis)
        return Response(content, content_type=kind)

    return pages


def _is_given(token: str) -> bool:
    """Return whether the request has the right token, compared in constant time."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(
        given.strip().encode(), token.encode()
    )


def host_of(settings: BotSettings) -> str:
    """Return the address at which the port of the metrics listens.

    Without a token the address is one that only this machine reaches.
    """
    return settings.host if settings.metrics_token else LOOPBACK


@contextmanager
def own_port(settings: BotSettings) -> Iterator[None]:
    """Serve the metrics on METRICS_PORT in a thread during the block.

    Without METRICS_PORT nothing happens.

    Raises:
        AddressError: Nobody can listen at that port.
    """
    if not settings.metrics_port:
        yield
        return
    app = Flask(__name__, static_folder=None)
    app.register_blueprint(page(connect_for_web(settings.redis_url), settings.metrics_token))
    app.register_error_handler(Exception, on_error)
    app.after_request(add_headers)
    host = host_of(settings)
    sockets = [listener(host, settings.metrics_port, "METRICS_PORT")]
    server = create_server(app, sockets=sockets, threads=1, ident="")
    over = threading.Event()
    threading.Thread(target=_run, args=(server, over), name="metrics", daemon=True).start()
    log.info("metrics", host=host, port=settings.metrics_port)
    try:
        yield
    finally:
        over.set()
        server.close()


def _run(server: Any, over: threading.Event) -> None:
    """Serve until the server's socket is closed.

    Closing the socket ends the server's loop with an OSError, which is ignored once ``over`` is
    set.
    """
    try:
        server.run()
    except OSError:
        if not over.is_set():
            raise
