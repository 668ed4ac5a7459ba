"""Web process: a Flask application behind waitress.

The parser follows RFC 9112 more strictly than waitress: one length and one host. Stalled clients
cannot block waitress.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import threading
import time
from collections.abc import Iterable
from http import HTTPStatus
from types import FrameType
from typing import NoReturn

import structlog
from flask import Blueprint, Flask, Response, request
from redis import Redis
from redis.exceptions import RedisError
from waitress.channel import HTTPChannel  # type: ignore[import-untyped]  # waitress has no types
from waitress.parser import HTTPRequestParser, ParsingError  # type: ignore[import-untyped]  # same
from waitress.server import create_server  # type: ignore[import-untyped]  # waitress has no types
from werkzeug.exceptions import HTTPException, ServiceUnavailable

from bot.queue import kind_problem
from bot.queue.events import WEBHOOKS_PATH, EventQueue
from bot.settings import BotSettings
from bot.web import health_pages, webhooks
from bot.web.health_pages import Readiness
from bot.web.webhooks import RefusedWebhooks
from jobs.storage import generation
from jobs.storage.counters import COUNTERS, FLUSH_S


class StrictParser(HTTPRequestParser):  # type: ignore[misc]  # same
    """Parser that refuses a request with both Content-Length and Transfer-Encoding.

    It also refuses a request with two hosts, and one of HTTP/1.1 without a host (RFC 9112, 3.2). A proxy that believes the other of the two would see other requests on the connection (RFC 9112,
    6.1 and 11.2). HTTP/1.0 has no Transfer-Encoding, so a request that names one is refused, too.
    """

    def parse_header(self, header_plus: bytes) -> None:
        """Parse the first line and the headers of a request.

        Raises:
            ParsingError: The request names Transfer-Encoding and another length, or not one host.
                waitress then answers 400 and closes the connection.
        """
        super().parse_header(header_plus)
        # of HTTP/1.1 the parser has taken Transfer-Encoding out of the headers
        if "TRANSFER_ENCODING" in self.headers or (
            self.chunked and "CONTENT_LENGTH" in self.headers
        ):
            raise ParsingError("Transfer-Encoding with another length")
        host = self.headers.get("HOST", "" if self.version == "1.0" else None)
        if host is None or ", " in host:  # the parser joins headers of one name
            raise ParsingError("not one host")


class StrictChannel(HTTPChannel):  # type: ignore[misc]  # same
    """Connection whose requests are parsed with :class:`StrictParser`."""

    parser_class = StrictParser


class CountsToRedis:
    """Starter of the thread that adds a process's counts to Redis.

    The thread starts after the first response of a process, because a server may fork after the
    import.
    """

    def __init__(self, redis: Redis, every_s: float = FLUSH_S) -> None:
        self._redis, self._every_s = redis, every_s
        self._lock = threading.Lock()
        self._process = 0
        self._stopped = threading.Event()

    def __call__(self, response: Response) -> Response:
        """Return the response as it is, and start the thread if this process has none."""
        if self._process != os.getpid():
            with self._lock:
                if self._process != os.getpid():
                    self._process = os.getpid()
                    threading.Thread(target=self._run, name="counts", daemon=True).start()
        return response

    def stop(self) -> None:
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.is_set():
            COUNTERS.flush(self._redis)
            self._stopped.wait(self._every_s)


def send_last_counts(redis: Redis) -> None:
    COUNTERS.flush(redis)


THREADS = 8
CLIENTS = 800
"""Maximum number of connected clients.

A process can open 1024 files unless that limit was raised.
"""
IDLE_S = 20
"""Seconds after which an idle client is disconnected.

With the default of two minutes, a few clients could take every slot.
"""
HTTPS_ONLY_S = 365 * 24 * 3600
"""Seconds after a visit for which a browser uses only https for this host."""
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self';"
        " base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
}
LAYOUT_S = 5.0
"""Seconds for which the data's layout counts as good after it was read."""
log = structlog.get_logger(__name__)


def create_app(settings: BotSettings, redis: Redis, pages: Iterable[Blueprint] = ()) -> Flask:
    app = Flask(__name__, static_folder=None)
    app.url_map.merge_slashes = False  # it would redirect to a host that the client has chosen
    app.config.update(
        MAX_CONTENT_LENGTH=webhooks.LARGEST_BODY,
        REDIS=redis,
        EVENTS=EventQueue(redis),
        WEBHOOK_SECRETS=settings.webhook_secrets,
        READINESS=Readiness(redis),
        REFUSED=RefusedWebhooks(redis),
    )
    app.register_blueprint(health_pages.pages)
    app.register_blueprint(webhooks.hooks)
    for blueprint in pages:
        app.register_blueprint(blueprint)
    app.register_error_handler(Exception, on_error)
    app.after_request(add_headers)
    if settings.public_url.startswith("https://"):
        app.after_request(add_transport_security)
    return app


class DataGate:
    """Gate that rejects requests while this version cannot use the data.

    Redis may have been unavailable when this process started. Later a newer version may change the
    layout of the data, so the layout is read again every few seconds.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._was_open = False
        self._good_until = 0.0

    def __call__(self) -> None:
        """Check whether this version can use the data, unless that was found in the last seconds.

        Raises:
            ServiceUnavailable: This version cannot use the data, or this kind of Redis.
            redis.RedisError: Redis is unavailable and has not answered before.
        """
        if time.monotonic() < self._good_until:
            return
        if request.path in {health_pages.ALIVE, health_pages.READY}:
            return
        try:
            why = (
                generation.layout_problem(self._redis)
                if self._was_open
                else kind_problem(self._redis) or generation.ensure_layout(self._redis)
            )
        except RedisError:
            if not self._was_open:
                raise
            why = ""
        if why:
            log.critical("data refused", why=why)
            raise ServiceUnavailable
        self._was_open, self._good_until = True, time.monotonic() + LAYOUT_S


def on_error(error: Exception) -> Response:
    # The cause goes only to the log. Webhooks get no body.
    if (
        isinstance(error, HTTPException)
        and error.code
        and error.code < HTTPStatus.INTERNAL_SERVER_ERROR
    ):
        without_type = [
            (name, value) for name, value in error.get_headers() if name.lower() != "content-type"
        ]
        response = Response(status=error.code, headers=without_type)
    else:
        response = Response(status=_server_error(error))
    if request.path != WEBHOOKS_PATH:
        response.data = f"{response.status}\n"
    response.content_type = "text/plain; charset=utf-8"
    return response


def add_headers(response: Response) -> Response:
    """Add the security headers to every response; a page may set its own values."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def add_transport_security(response: Response) -> Response:
    # Browsers use https for this host only (RFC 6797). Other hosts of the domain are not ours.
    response.headers["Strict-Transport-Security"] = f"max-age={HTTPS_ONLY_S}"
    return response


class AddressError(Exception):
    """Error because nobody can listen at HOST and PORT; the text says what to do."""


def listener(host: str, port: int, setting: str = "PORT") -> socket.socket:
    """Return a socket that listens at an address and a port.

    With ``::`` the socket takes IPv4, too, if the system can do that. ``setting`` is the setting
    that names the port.

    Raises:
        AddressError: The port is taken, or the address is not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = host == "::" and socket.has_dualstack_ipv6()
    try:
        return socket.create_server((host, port), family=family, dualstack_ipv6=both)
    except OSError as error:
        raise AddressError(_no_listener(error, host, port, setting)) from None


def _no_listener(error: OSError, host: str, port: int, setting: str) -> str:
    known = {
        errno.EADDRINUSE: f"{setting} {port} is taken by another program: stop it, or set {setting}",
        errno.EACCES: (
            f"{setting} {port} may not be used by this user: set a {setting} above 1023,"
            " and let the proxy have 80 and 443"
        ),
        errno.EADDRNOTAVAIL: f"HOST {host} is no address of this machine: set another, or unset HOST",
    }
    otherwise = f"nobody can listen at HOST {host}, {setting} {port} ({error.strerror}): set others"
    return known.get(error.errno or 0, otherwise)


def serve(app: Flask, port: int, host: str = "0.0.0.0") -> None:  # noqa: S104  behind the platform's router
    """Serve until SIGTERM or Ctrl+C, then finish the current requests (5 seconds at most).

    Raises:
        AddressError: Nobody can listen there.
    """
    limits = {
        "connection_limit": CLIENTS,
        "channel_timeout": IDLE_S,
        "cleanup_interval": IDLE_S // 4,
        "asyncore_use_poll": True,
    }
    largest = 2 * webhooks.LARGEST_BODY
    server = create_server(
        app,
        sockets=[listener(host, port)],
        threads=THREADS,
        ident="",
        max_request_body_size=largest,
        **limits,
    )
    server.channel_class = StrictChannel
    signal.signal(signal.SIGTERM, _stop)
    log.info("listening", host=host, port=port)
    try:
        server.run()  # ends with SystemExit after waiting for its threads
    finally:
        server.close()
        send_last_counts(app.config["REDIS"])
    log.info("stopped")


def _stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)


def _server_error(error: Exception) -> int:
    code = (
        error.code
        if isinstance(error, HTTPException) and error.code
        else int(HTTPStatus.INTERNAL_SERVER_ERROR)
    )
    if isinstance(error, RedisError):
        code = int(HTTPStatus.SERVICE_UNAVAILABLE)
    log.error(
        "request failed",
        path=request.path,
        status=code,
        why=str(error) if isinstance(error, RedisError) else "",
        exc_info=code == HTTPStatus.INTERNAL_SERVER_ERROR and error,
    )
    return code
