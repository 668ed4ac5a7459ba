"""Web process: the answers to machines, with the pages for people behind them, on waitress.

Webex, Prometheus and probes are answered without Flask. It would take as long as the rest of a
webhook's answer, and 6 MiB in each installation that shows nobody a page.

The parser follows RFC 9112 more strictly than waitress: one length and one host. Stalled clients
cannot block waitress.
"""

from __future__ import annotations

import errno
import hmac
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import FrameType
from typing import Any, NoReturn

import structlog
from redis import Redis
from redis.exceptions import RedisError
from waitress.channel import HTTPChannel  # type: ignore[import-untyped]  # waitress has no types
from waitress.parser import HTTPRequestParser, ParsingError  # type: ignore[import-untyped]  # same
from waitress.server import create_server  # type: ignore[import-untyped]  # waitress has no types

from bot.queue import health, kind_problem
from bot.queue.events import WEBHOOKS_PATH
from bot.queue.health import Health
from bot.settings import BotSettings
from bot.web.webhooks import LARGEST_BODY, RefusedError, Webhooks
from jobs.storage import generation
from jobs.storage.counters import COUNTERS, FLUSH_S

Environ = dict[str, Any]
Wsgi = Callable[[Environ, Any], Iterable[bytes]]
ALIVE, READY, METRICS = "/healthz", "/readyz", "/metrics"
HEALTH_KEPT_S = 1.0
"""Seconds for which an answer of /readyz is repeated.

A flood of requests then costs Redis nothing.
"""
LAYOUT_S = 5.0
"""Seconds for which the data's layout counts as good after it was read."""
HTTPS_ONLY_S = 365 * 24 * 3600
"""Seconds after a visit for which a browser uses only https for this host (RFC 6797).

Other hosts of the domain are not ours.
"""
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
TEXT, JSON = "text/plain; charset=utf-8", "application/json"
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer to a machine; an answer without a body is text, too."""

    body: bytes = b""
    kind: str = TEXT
    status: HTTPStatus = HTTPStatus.OK
    headers: tuple[tuple[str, str], ...] = ()


Route = tuple[str, Callable[[Environ], Answer]]
"""Method of a request, and the function that answers it."""


class Site:
    """WSGI application that puts the security headers on every answer.

    ``others`` returns the application for a path that is not in ``routes``, or None. A function of
    ``before`` gets the path of each request before it is answered, and may refuse it.
    """

    def __init__(
        self,
        routes: Mapping[str, Route],
        others: Callable[[str], Wsgi | None] = lambda _: None,
        before: Iterable[Callable[[str], None]] = (),
        *,
        https: bool = False,
    ) -> None:
        self._routes, self._before = dict(routes), tuple(before)
        self._others = others
        only = {"Strict-Transport-Security": f"max-age={HTTPS_ONLY_S}"} if https else {}
        self._headers = list((HEADERS | only).items())

    def __call__(self, environ: Environ, start: Any) -> Iterable[bytes]:
        """Answer a request. An answer of ``others`` may have its own values of the headers."""
        path = environ["PATH_INFO"]
        try:
            for each in self._before:
                each(path)
            if path in self._routes:
                answer = _routed(self._routes[path], environ)
            elif other := self._others(path):
                return other(environ, self._with_headers(start))
            else:
                raise RefusedError(HTTPStatus.NOT_FOUND)  # noqa: TRY301  answered like every refusal
        except Exception as error:  # noqa: BLE001  the cause goes only to the log
            answer = _of_error(path, error)
        told = [*self._headers, *answer.headers, ("Content-Type", answer.kind)]
        told.append(("Content-Length", str(len(answer.body))))
        start(_line(answer.status), told)
        return () if environ["REQUEST_METHOD"] == "HEAD" else (answer.body,)

    def _with_headers(self, start: Any) -> Any:
        def started(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            own = {name.lower() for name, _ in headers}
            added = [each for each in self._headers if each[0].lower() not in own]
            return start(status, [*headers, *added], *more)

        return started


def _routed(route: Route, environ: Environ) -> Answer:
    method, function = route
    asked = environ["REQUEST_METHOD"]
    if asked != method and (asked, method) != ("HEAD", "GET"):
        raise RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, Allow=method)
    return function(environ)


def _line(status: HTTPStatus) -> str:
    return f"{status.value} {status.phrase.upper()}"


def _of_error(path: str, error: Exception) -> Answer:
    """Return the answer to a request that failed. A webhook's has no body."""
    status, headers = HTTPStatus.INTERNAL_SERVER_ERROR, {}
    if isinstance(error, RedisError):
        status = HTTPStatus.SERVICE_UNAVAILABLE
    elif isinstance(error, RefusedError):
        status, headers = error.status, error.headers
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log_failure(path, status, error)
    body = b"" if path == WEBHOOKS_PATH else f"{_line(status)}\n".encode()
    return Answer(body, status=status, headers=tuple(headers.items()))


def log_failure(path: str, status: HTTPStatus, error: Exception) -> None:
    unforeseen = status == HTTPStatus.INTERNAL_SERVER_ERROR and error
    why = str(error) if isinstance(error, RedisError) else ""
    log.error("request failed", path=path, status=int(status), why=why, exc_info=unforeseen)


def machine_routes(settings: BotSettings, redis: Redis) -> dict[str, Route]:
    webhooks, ready = Webhooks(settings.webhook_secrets, redis), Readiness(redis)

    def received(environ: Environ) -> Answer:
        webhooks.receive(environ)
        return Answer()

    def readyz(_: Environ) -> Answer:
        found = ready()
        status = HTTPStatus.OK if found.is_ready else HTTPStatus.SERVICE_UNAVAILABLE
        return Answer(json.dumps(found.as_json()).encode(), JSON, status)

    alive = Answer(json.dumps({"status": health.OK}).encode(), JSON)
    return {
        WEBHOOKS_PATH: ("POST", received),
        ALIVE: ("GET", lambda _: alive),  # Redis is not asked
        READY: ("GET", readyz),
    }


def metrics_route(redis: Redis, token: str) -> dict[str, Route]:
    """Return the route of the metrics.

    If there is a token, a request without ``Authorization: Bearer`` and that token gets a 401.
    """
    from bot.queue.metrics import exposition  # noqa: PLC0415  prometheus-client only if it is asked for

    def metrics(environ: Environ) -> Answer:
        scheme, _, given = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        is_right = hmac.compare_digest(given.strip().encode(), token.encode())
        if token and not (scheme.lower() == "bearer" and is_right):
            raise RefusedError(HTTPStatus.UNAUTHORIZED, **{"WWW-Authenticate": "Bearer"})
        COUNTERS.flush(redis)
        return Answer(*exposition(redis))

    return {METRICS: ("GET", metrics)}


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


class DataGate:
    """Gate that rejects requests while this version cannot use the data.

    Redis may have been unavailable when this process started. Later a newer version may change the
    layout of the data, so the layout is read again every few seconds.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._was_open = False
        self._good_until = 0.0

    def __call__(self, path: str) -> None:
        """Check whether this version can use the data, unless that was found in the last seconds.

        Raises:
            RefusedError: This version cannot use the data, or this kind of Redis.
            redis.RedisError: Redis is unavailable and has not answered before.
        """
        if time.monotonic() < self._good_until or path in {ALIVE, READY}:
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
            raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE)
        self._was_open, self._good_until = True, time.monotonic() + LAYOUT_S


class CountsToRedis:
    """Starter of the thread that adds a process's counts to Redis.

    The thread starts with the first request of a process, because a server may fork after the
    import. If two requests come first, a second thread does no harm.
    """

    def __init__(self, redis: Redis, every_s: float = FLUSH_S) -> None:
        self._redis, self._every_s = redis, every_s
        self._process = 0
        self._stopped = threading.Event()

    def __call__(self, _path: str) -> None:
        """Start the thread if this process has none."""
        if self._process != os.getpid():
            self._process = os.getpid()
            threading.Thread(target=self._run, name="counts", daemon=True).start()

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


class AddressError(Exception):
    """Error because nobody can listen at HOST and PORT; the text says what to do."""


def listener(host: str, port: int) -> socket.socket:
    """Return a socket that listens at an address and a port.

    With ``::`` the socket takes IPv4, too, if the system can do that.

    Raises:
        AddressError: The port is taken, or the address is not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = host == "::" and socket.has_dualstack_ipv6()
    try:
        return socket.create_server((host, port), family=family, dualstack_ipv6=both)
    except OSError as error:
        raise AddressError(_no_listener(error, host, port)) from None


def _no_listener(error: OSError, host: str, port: int) -> str:
    known = {
        errno.EADDRINUSE: f"PORT {port} is taken by another program: stop it, or set PORT",
        errno.EACCES: (
            f"PORT {port} may not be used by this user: set a PORT above 1023,"
            " and let the proxy have 80 and 443"
        ),
        errno.EADDRNOTAVAIL: f"HOST {host} is no address of this machine: set another, or unset HOST",
    }
    otherwise = f"nobody can listen at HOST {host}, PORT {port} ({error.strerror}): set others"
    return known.get(error.errno or 0, otherwise)


def serve(app: Wsgi, redis: Redis, port: int, host: str) -> None:
    """Serve until SIGTERM or Ctrl+C, then finish the current requests (5 seconds at most).

    Raises:
        AddressError: Nobody can listen there.
    """
    server = create_server(
        app,
        sockets=[listener(host, port)],
        threads=THREADS,
        ident="",
        max_request_body_size=2 * LARGEST_BODY,
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
        COUNTERS.flush(redis)
    log.info("stopped")


def _stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)
