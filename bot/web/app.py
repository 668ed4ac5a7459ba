"""Web process: a Flask application behind waitress.

The parser follows RFC 9112 more strictly than waitress: one length and one host. Stalled clients
cannot block waitress.
"""

from __future__ import annotations

import errno
import hmac
import os
import signal
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from types import FrameType
from typing import Any, NoReturn

import structlog
from flask import Blueprint, Flask, Response, current_app, jsonify, request
from redis import Redis
from redis.exceptions import RedisError
from waitress.channel import HTTPChannel  # type: ignore[import-untyped]  # waitress has no types
from waitress.parser import HTTPRequestParser, ParsingError  # type: ignore[import-untyped]  # same
from waitress.server import create_server  # type: ignore[import-untyped]  # waitress has no types
from werkzeug.exceptions import HTTPException, ServiceUnavailable

from bot.queue import connect_for_web, health, kind_problem
from bot.queue.events import WEBHOOKS_PATH, EventQueue
from bot.queue.health import Health
from bot.settings import BotSettings
from bot.web import webhooks
from bot.web.webhooks import RefusedWebhooks
from jobs.storage import generation
from jobs.storage.counters import COUNTERS, FLUSH_S

ALIVE, READY = "/healthz", "/readyz"
HEALTH_KEPT_S = 1.0
"""Seconds for which an answer of /readyz is repeated.

A flood of requests then costs Redis nothing.
"""
health_pages = Blueprint("health", __name__)


class Readiness:
    """Reader of the bot's health, which is read again at most once a second."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._lock = threading.Lock()
        self._read_at = -HEALTH_KEPT_S
        self._last = Health()

    def __call__(self) -> Health:
        """Return the health, at most a second old."""
        with self._lock:
            if time.monotonic() - self._read_at >= HEALTH_KEPT_S:
                self._last, self._read_at = health.look(self._redis), time.monotonic()
            return self._last


@health_pages.get(ALIVE)
def healthz() -> Response:
    """Return 200: the process answers. Redis is not asked."""
    return jsonify(status=health.OK)


@health_pages.get(READY)
def readyz() -> tuple[Response, int]:
    """Return 200 if Redis takes writes, a worker lives and no event waits for long.

    Otherwise return 503 with the state of each part.
    """
    found: Health = current_app.config["READINESS"]()
    code = HTTPStatus.OK if found.is_ready else HTTPStatus.SERVICE_UNAVAILABLE
    return jsonify(found.as_json()), code


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
    app.register_blueprint(health_pages)
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
        if request.path in {ALIVE, READY}:
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
    code = (isinstance(error, HTTPException) and error.code) or HTTPStatus.INTERNAL_SERVER_ERROR
    headers: list[tuple[str, str]] = []
    if isinstance(error, RedisError):
        code = HTTPStatus.SERVICE_UNAVAILABLE
    if code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error(
            "request failed",
            path=request.path,
            status=int(code),
            why=str(error) if isinstance(error, RedisError) else "",
            exc_info=code == HTTPStatus.INTERNAL_SERVER_ERROR and error,
        )
    elif isinstance(error, HTTPException):
        headers = [each for each in error.get_headers() if each[0].lower() != "content-type"]
    response = Response(status=code, headers=headers)
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
    server = create_server(
        app,
        sockets=[listener(host, port)],
        threads=THREADS,
        ident="",
        max_request_body_size=2 * webhooks.LARGEST_BODY,
        connection_limit=CLIENTS,
        channel_timeout=IDLE_S,
        cleanup_interval=IDLE_S // 4,
        asyncore_use_poll=True,
    )
    server.channel_class = StrictChannel
    signal.signal(signal.SIGTERM, _stop)
    log.info("listening", host=host, port=port)
    try:
        server.run()  # ends with SystemExit after waiting for its threads
    finally:
        server.close()
        COUNTERS.flush(app.config["REDIS"])
    log.info("stopped")


def _stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)


METRICS = "/metrics"
LOOPBACK = "127.0.0.1"


def metrics_page(redis: Redis, token: str) -> Blueprint:
    """Return the page with the metrics.

    If there is a token, a request without ``Authorization: Bearer`` and that token gets a 401.
    """
    from bot.queue.metrics import exposition  # noqa: PLC0415  prometheus-client only if it is asked for

    pages = Blueprint("metrics", __name__)

    @pages.get(METRICS)
    def metrics() -> Response:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        is_right = hmac.compare_digest(given.strip().encode(), token.encode())
        if token and not (scheme.lower() == "bearer" and is_right):
            return Response(status=HTTPStatus.UNAUTHORIZED, headers={"WWW-Authenticate": "Bearer"})
        COUNTERS.flush(redis)
        content, kind = exposition(redis)
        return Response(content, content_type=kind)

    return pages


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
    app.register_blueprint(
        metrics_page(connect_for_web(settings.redis_url), settings.metrics_token)
    )
    app.register_error_handler(Exception, on_error)
    app.after_request(add_headers)
    host = host_of(settings)
    sockets = [listener(host, settings.metrics_port, "METRICS_PORT")]
    server = create_server(app, sockets=sockets, threads=1, ident="")
    over = threading.Event()
    threading.Thread(
        target=_serve_metrics, args=(server, over), name="metrics", daemon=True
    ).start()
    log.info("metrics", host=host, port=settings.metrics_port)
    try:
        yield
    finally:
        over.set()
        server.close()


def _serve_metrics(server: Any, over: threading.Event) -> None:
    """Serve until the server's socket is closed.

    Closing the socket ends the server's loop with an OSError, which is ignored once ``over`` is
    set.
    """
    try:
        server.run()
    except OSError:
        if not over.is_set():
            raise
