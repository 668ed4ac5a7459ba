"""Web process: the answers to machines, with the pages for people behind them, on waitress.

Webex, Prometheus and probes are answered without Flask, which would take as long as the rest of a
webhook's answer. The pages for people need it and most of the bot's code, 20 MiB, and many
installations rarely show one. So they are another application, which the first request for a page
makes.

A server such as gunicorn (``gunicorn --workers 2 bot.web.wsgi:app``) decides on addresses and
ports, so ``HOST`` and ``PORT`` do not count there.

The parser follows RFC 9112 more strictly than waitress: one length and one host. Stalled clients
cannot block waitress.
"""

import errno
import hmac
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from http import HTTPStatus
from typing import Any

import structlog
from redis import Redis
from redis.exceptions import RedisError
from waitress.channel import HTTPChannel  # type: ignore[import-untyped]  # waitress has no types
from waitress.parser import HTTPRequestParser, ParsingError  # type: ignore[import-untyped]  # same
from waitress.server import create_server  # type: ignore[import-untyped]  # waitress has no types

from bot import logs, queue
from bot.queue import connect_for_web, health
from bot.settings import LARGEST_BODY, BotSettings, from_environment, log_advice
from jobs.clock import now
from jobs.clouds.json_values import as_dict, parsed
from jobs.settings import Settings, SettingsError
from jobs.storage import generation, keys
from jobs.storage.counters import COUNTERS, EVENTS_REFUSED

Environ = dict[str, Any]
Wsgi = Callable[[Environ, Any], Iterable[bytes]]
ALIVE, READY, METRICS = "/healthz", "/readyz", "/metrics"
OF_PEOPLE = frozenset(
    {"signin", "access", "consent", "rehearsal", "microsoft", "handover", "history", "pages"}
)
"""First words of the paths of the pages for people."""
HEALTH_KEPT_S = 1.0
"""Seconds for which an answer of /readyz is repeated, so that a flood costs Redis nothing."""
LAYOUT_S = 5.0
"""Seconds for which the data's layout counts as good after it was read."""
HTTPS_ONLY_S = 365 * 24 * 3600
"""Seconds after a visit for which a browser uses only https, for this host alone (RFC 6797)."""
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
REASONS = {HTTPStatus.UNAUTHORIZED: "signature", HTTPStatus.SERVICE_UNAVAILABLE: "redis"}
"""Labels of the metrics for refused webhooks, by status. Every other refusal is about the body."""
JSON, TEXT = "application/json", "text/plain; charset=utf-8"
EVERY_S = 60.0
REFUSED_KEPT_S = 24 * 3600
"""Seconds for which the time of the last wrong signature is kept for ``doctor``."""
NOT_BOOTED = 3
"""Exit code of a worker after which gunicorn ends, instead of starting it again forever."""
log = structlog.get_logger(__name__)


class RefusedError(Exception):
    """Refusal of a request, with its status and the headers that explain it."""

    def __init__(self, status: HTTPStatus, **headers: str) -> None:
        super().__init__(status)
        self.status, self.headers = status, headers


class Webhooks:
    """Receiver of webhooks that are signed with one of ``secrets``.

    Only Redis is called here. Webex disables a webhook after 100 failures within 5 minutes and does
    not say how often it delivers an event (platforms/webex.md 1). So the answer is quick, and an
    event that arrives twice is handled once.

    With a wrong WEBEX_WEBHOOK_SECRET every webhook is refused and the bot says nothing. The log,
    once in ``every_s`` seconds at most, the metrics and ``doctor`` show the bot's operator why.
    """

    def __init__(self, secrets: tuple[str, ...], redis: Redis, every_s: float = EVERY_S) -> None:
        self._secrets, self._redis, self._every_s = secrets, redis, every_s
        self._events, self._quiet_until = queue.EventQueue(redis), -every_s

    def accept(self, environ: Mapping[str, Any]) -> None:
        """Accept one event.

        Raises:
            RefusedError: The request is refused with 401, 413, 415 or 400.
            redis.RedisError: Redis is unavailable.
        """
        if environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower() != JSON:
            raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        body, signature = _body(environ), environ.get("HTTP_X_SPARK_SIGNATURE", "")
        if not is_signed(body, signature, self._secrets):
            self.note_refused()
            raise RefusedError(HTTPStatus.UNAUTHORIZED)
        envelope = parsed(body)
        if not isinstance(envelope, dict):
            raise RefusedError(HTTPStatus.BAD_REQUEST)
        if event := event_in(envelope):
            self._events.add(event)

    def note_refused(self) -> None:
        if time.monotonic() < self._quiet_until:
            return
        self._quiet_until = time.monotonic() + self._every_s
        log.warning(
            "webhooks refused: wrong signature",
            to_do="compare WEBEX_WEBHOOK_SECRET of web and worker; nothing in between may change the body",
        )
        with suppress(RedisError):
            self._redis.set(keys.webhooks_refused(), now().isoformat(), ex=REFUSED_KEPT_S)


def _body(environ: Mapping[str, Any]) -> bytes:
    """Return the body, as long as the request says, or as the server has found the end.

    Raises:
        RefusedError: The body is too large.
    """
    said, ends = environ.get("CONTENT_LENGTH", ""), environ.get("wsgi.input_terminated")
    length = int(said) if said.isdecimal() else LARGEST_BODY + 1 if ends else 0
    body: bytes = environ["wsgi.input"].read(min(length, LARGEST_BODY + 1))
    if len(body) > LARGEST_BODY:
        raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return body


def is_signed(body: bytes, signature: str, secrets: tuple[str, ...]) -> bool:
    """Return whether the signature is the hexadecimal HMAC-SHA1 of the raw body under a secret.

    Webex uses SHA-1 (platforms/webex.md 1). Every secret is tried, so that the time does not reveal
    which one matched.
    """
    signed = (hmac.digest(each.encode(), body, "sha1").hex() for each in secrets if each)
    return any([hmac.compare_digest(each.encode(), signature.encode()) for each in signed])  # noqa: C419  see the docstring


def event_in(envelope: Mapping[str, Any]) -> queue.WebhookEvent | None:
    """Return the event in Webex's payload, or None if it is irrelevant, as the bot's own posts are.

    Raises:
        RefusedError: The resource is relevant, but the payload has no id.
    """
    resource = queue.RESOURCES.get(str(envelope.get("resource", "")).lower())
    if resource is None or str(envelope.get("event", "")).lower() != "created":
        return None
    data = as_dict(envelope.get("data"))
    if not _text(data, "id"):
        raise RefusedError(HTTPStatus.BAD_REQUEST)
    actor = _text(data, "personId") or _text(envelope, "actorId")
    if resource != "memberships" and actor and actor == _text(envelope, "createdBy"):
        return None  # the webhook's owner is the bot, so this is its own post
    found, *about = (_text(data, name) for name in ("id", "roomId", "created", "messageId"))
    return queue.WebhookEvent(resource, found, actor, *about)


def _text(data: Mapping[str, Any], key: str) -> str:
    # Half a surrogate pair, which is valid in JSON but not in UTF-8, becomes a question mark.
    value = data.get(key)
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class Answer:
    body: bytes = b""
    kind: str = TEXT
    status: HTTPStatus = HTTPStatus.OK
    headers: tuple[tuple[str, str], ...] = ()


class Site:
    """WSGI application that answers machines, and puts the security headers on every answer.

    ``people`` returns the application that answers people.
    """

    def __init__(self, settings: BotSettings, redis: Redis, people: Callable[[], Wsgi]) -> None:
        self._settings, self._redis, self._people = settings, redis, people
        self._good_until = 0.0
        webhooks = Webhooks(settings.webhook_secrets, redis)
        self._health, self._health_at = dict[str, str](), -HEALTH_KEPT_S
        self._routes: dict[str, tuple[str, Callable[[Environ], Answer | None]]] = {
            queue.WEBHOOKS_PATH: ("POST", webhooks.accept),
            ALIVE: ("GET", lambda _: Answer(b'{"status": "ok"}', JSON)),  # Redis is not asked
            READY: ("GET", self._ready),
        }
        if settings.metrics_token:
            self._routes[METRICS] = ("GET", self._metrics)
        only = {"Strict-Transport-Security": f"max-age={HTTPS_ONLY_S}"}
        is_https = settings.public_url.startswith("https://")
        self._headers = list((HEADERS | (only if is_https else {})).items())

    def __call__(self, environ: Environ, start: Any) -> Iterable[bytes]:
        # An answer to people may have its own values of the headers.
        path = environ["PATH_INFO"]
        try:
            self._require_data(path)
            if OF_PEOPLE.intersection(path.split("/")[1:2]):
                return self._people()(environ, partial(self._start, start))
            answer = self._answer(path, environ)
        except Exception as error:  # noqa: BLE001  the cause goes only to the log
            answer = _of_error(path, error)
        told = [*self._headers, *answer.headers, ("Content-Type", answer.kind)]
        start(_line(answer.status), [*told, ("Content-Length", str(len(answer.body)))])
        return () if environ["REQUEST_METHOD"] == "HEAD" else (answer.body,)

    def _start(self, start: Any, status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
        own = {name.lower() for name, _ in headers}
        added = [each for each in self._headers if each[0].lower() not in own]
        return start(status, [*headers, *added], *more)

    def _require_data(self, path: str) -> None:
        """Refuse the request while this version cannot use the data, and hand over the counts.

        Redis may have been unavailable when this process started. Later a newer version may change
        the layout of the data. So both are done again every few seconds, with the next request.

        Raises:
            RefusedError: This version cannot use the data, or this kind of Redis.
            redis.RedisError: Redis is unavailable and has not answered before.
        """
        if time.monotonic() < self._good_until or path in {ALIVE, READY}:
            return
        try:
            why = health.kind_problem(self._redis) or generation.ensure_layout(self._redis)
        except RedisError:
            if not self._good_until:
                raise
            why = ""
        if why:
            log.critical("data refused", why=why)
            raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE)
        self._good_until = time.monotonic() + LAYOUT_S
        COUNTERS.flush(self._redis)

    def _answer(self, path: str, environ: Environ) -> Answer:
        if path not in self._routes:
            raise RefusedError(HTTPStatus.NOT_FOUND)
        method, function = self._routes[path]
        asked = environ["REQUEST_METHOD"]
        if asked != method and (asked, method) != ("HEAD", "GET"):
            raise RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, Allow=method)
        return function(environ) or Answer()

    def _ready(self, _: Environ) -> Answer:
        if time.monotonic() - self._health_at >= HEALTH_KEPT_S:
            self._health, self._health_at = health.look(self._redis), time.monotonic()
        is_ready = self._health["status"] == health.OK
        status = HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE
        return Answer(json.dumps(self._health).encode(), JSON, status)

    def _metrics(self, environ: Environ) -> Answer:
        """Return the metrics for ``Authorization: Bearer`` and the token of the settings."""
        from bot.queue.metrics import exposition  # noqa: PLC0415  prometheus-client only for these

        scheme, _, given = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        token = self._settings.metrics_token.encode()
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), token):
            raise RefusedError(HTTPStatus.UNAUTHORIZED, **{"WWW-Authenticate": "Bearer"})
        COUNTERS.flush(self._redis)
        return Answer(*exposition(self._redis))


def _line(status: HTTPStatus) -> str:
    return f"{status.value} {status.phrase.upper()}"


def _of_error(path: str, error: Exception) -> Answer:
    status, headers = HTTPStatus.INTERNAL_SERVER_ERROR, {}
    if isinstance(error, RedisError):
        status = HTTPStatus.SERVICE_UNAVAILABLE
    elif isinstance(error, RefusedError):
        status, headers = error.status, error.headers
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        unforeseen = status == HTTPStatus.INTERNAL_SERVER_ERROR and error
        why = str(error) if isinstance(error, RedisError) else ""
        log.error("request failed", path=path, status=int(status), why=why, exc_info=unforeseen)
    body = f"{_line(status)}\n".encode()
    if path == queue.WEBHOOKS_PATH:
        body = b""
        COUNTERS.add(EVENTS_REFUSED, REASONS.get(status, "body"))
    return Answer(body, status=status, headers=tuple(headers.items()))


THREADS = 8
CLIENTS = 800
"""Connected clients at most; a process can open 1024 files unless that limit was raised."""
IDLE_S = 20
"""Seconds after which an idle client is disconnected, so that a few cannot take every slot."""


class StrictParser(HTTPRequestParser):  # type: ignore[misc]  # same
    """Parser that refuses a request with both Content-Length and Transfer-Encoding.

    It also refuses a request with two hosts, and one of HTTP/1.1 without a host (RFC 9112, 3.2). A
    proxy that believes the other of the two would see other requests on the connection (RFC 9112,
    6.1 and 11.2). HTTP/1.0 has no Transfer-Encoding, so a request that names one is refused, too.
    """

    def parse_header(self, header_plus: bytes) -> None:
        """Parse the first line and the headers of a request.

        Raises:
            ParsingError: waitress then answers 400 and closes the connection.
        """
        super().parse_header(header_plus)
        # of HTTP/1.1 the parser has taken Transfer-Encoding out of the headers
        both = self.chunked and "CONTENT_LENGTH" in self.headers
        if both or "TRANSFER_ENCODING" in self.headers:
            raise ParsingError("Transfer-Encoding with another length")
        host = self.headers.get("HOST", "" if self.version == "1.0" else None)
        if host is None or ", " in host:  # the parser joins headers of one name
            raise ParsingError("not one host")


class StrictChannel(HTTPChannel):  # type: ignore[misc]  # same
    """Connection whose requests are parsed with :class:`StrictParser`."""

    parser_class = StrictParser

    def writable(self) -> bool:
        """Return whether the loop has something to send here, which no thread is sending.

        A thread sends its answer itself, and wakes the loop for what is left. A loop that waits for
        its socket meanwhile finds it writable, is refused the lock, and asks again at once: so it
        takes the GIL from the thread that it waits for.
        """
        if not super().writable() or not self.outbuf_lock.acquire(blocking=False):
            return False
        self.outbuf_lock.release()
        return True


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
        known = {
            errno.EADDRINUSE: f"PORT {port} is taken by another program: stop it, or set PORT",
            errno.EACCES: f"PORT {port} may not be used by this user: set a PORT above 1023,"
            " and let the proxy have 80 and 443",
            errno.EADDRNOTAVAIL: f"HOST {host} is no address of this machine: set another,"
            " or unset HOST",
        }
        why = f"nobody can listen at HOST {host}, PORT {port} ({error.strerror}): set others"
        raise AddressError(known.get(error.errno or 0, why)) from None


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
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    log.info("listening", host=host, port=port)
    try:
        server.run()  # ends with SystemExit after waiting for its threads
    finally:
        server.close()
        COUNTERS.flush(redis)
    log.info("stopped")


def whole_site(settings: BotSettings, work: Settings, redis: Redis) -> Site:
    # The application makes no connection before its first request, so a fork is safe.
    log_advice(settings)
    return Site(settings, redis, cache(partial(pages_for_people, settings, work)))


def pages_for_people(settings: BotSettings, work: Settings) -> Wsgi:
    from bot.services import Services  # noqa: PLC0415  at the first request for a page
    from bot.web import history_page, pages, secret_page, sign_in  # noqa: PLC0415  same

    app = pages.create_app((sign_in.pages, secret_page.pages, history_page.pages, pages.assets))
    app.config["SERVICES"] = Services.of(settings, work, connect_for_web(settings.redis_url))
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


@cache
def __getattr__(name: str) -> Site:
    """Return the application as ``app``. A server asks for it; an import alone makes nothing."""
    if name != "app":
        raise AttributeError(name)
    logs.configure(os.environ.get("LOG_LEVEL", ""))
    try:
        settings, work = from_environment(os.environ)
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201  for the operator
        raise SystemExit(NOT_BOOTED) from None
    return whole_site(settings, work, connect_for_web(settings.redis_url))
