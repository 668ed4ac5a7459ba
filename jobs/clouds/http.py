"""HTTP clients for the clouds: every request to Graph and Exchange goes through :func:`request`.

Each call is tried with every fault (checklist.toml J6).
"""

import asyncio
import contextvars
import json
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, TypeVar
from urllib.parse import quote, urlencode
from uuid import uuid4

import httpx
import stamina
import structlog
from stamina.instrumentation import StructlogOnRetryHook, set_on_retry_hooks

from jobs.causes.cause import Cause
from jobs.clock import now, parse_http
from jobs.clouds import calls, errors
from jobs.clouds.tls import http_context
from jobs.settings import Settings, valid

set_on_retry_hooks([StructlogOnRetryHook])  # or else the first retry imports prometheus-client

T = TypeVar("T")
MayRepeat = Callable[[Exception], bool]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Attempts of a request within one call; none begins ``total_s`` seconds after the start.

    A wait is for a Retry-After. A pause is without one, and each next one is twice as long.
    """

    attempts: int = 5
    total_s: float = 90.0
    longest_wait_s: float = 60.0
    shortest_wait_s: float = 0.5
    first_pause_s: float = 0.5
    longest_pause_s: float = 8.0
    jitter_s: float = 0.5

    def call(self, send: Callable[..., T], may_repeat: MayRepeat, *values: object) -> T:
        return stamina.RetryingCaller(**self._options)(self._hook(may_repeat), send, *values)

    async def call_async(self, send: Callable[[], Awaitable[T]], may_repeat: MayRepeat) -> T:
        """Make an asynchronous call, repeat it if the judge allows, and return its answer.

        Raises:
            TimeoutError: ``total_s`` passed during an attempt or a pause.
        """
        async with asyncio.timeout(self.total_s):
            return await stamina.AsyncRetryingCaller(**self._options)(self._hook(may_repeat), send)

    def wait(self, error: Exception, *, spent: float) -> bool | float:
        """Return the seconds before another attempt, True for the policy's own pause, or False.

        Retry-After is a minimum. If it is longer than the policy waits, the error is raised at
        once, so that the job parks itself and frees the worker instead of retrying too early.
        """
        asked: float | None = getattr(error, "retry_after", None)
        if asked is None:
            return True
        wait = max(asked, self.shortest_wait_s)
        return wait if wait <= self.longest_wait_s and spent + wait < self.total_s else False

    def _hook(self, may_repeat: MayRepeat) -> Callable[[Exception], bool | float]:
        began = time.monotonic()
        return lambda error: may_repeat(error) and self.wait(error, spent=time.monotonic() - began)

    @property
    def _options(self) -> dict[str, Any]:
        return {
            "attempts": self.attempts,
            "timeout": self.total_s,
            "wait_initial": self.first_pause_s,
            "wait_max": self.longest_pause_s,
            "wait_jitter": self.jitter_s,
        }


PATIENCE = RetryPolicy()


@dataclass(frozen=True, slots=True)
class Pauses:
    """Pauses in seconds between the tries of work that is put off instead of being waited for."""

    seconds: tuple[float, ...]

    def after(self, tries: int, retry_after: float | None = None) -> float:
        """Return the pause after these attempts, at least ``retry_after``; the last repeats."""
        return max(self.seconds[min(tries, len(self.seconds)) - 1], retry_after or 0.0)


def may_repeat(error: Exception, *, repeatable: bool = True) -> bool:
    """Return whether it may be sent again; a ``repeatable`` request may have its effect twice.

    The limit of message traces lasts minutes, so pauses would only delay a check's first line.
    """
    if (
        not isinstance(error, errors.Transient | errors.TruncatedAnswer)
        or error.cause == Cause.TRACE_LIMIT
    ):
        return False
    return repeatable or error.unsent


def parse_retry_after(header: str | None) -> float | None:
    """Return the seconds of a ``Retry-After`` header in either of its two forms, or None."""
    text = (header or "").strip()
    seconds = valid(float, text)
    if seconds is None:
        when = parse_http(text)
        return max(0.0, (when - now()).total_seconds()) if when else None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


#: Returns a token that is valid now; called before every request.
TokenSource = Callable[[], Awaitable[str]]


log = structlog.get_logger(__name__)
#: Longest pause between two bytes of an answer, in seconds.
READ_SECONDS = 30.0
EXCHANGE_READ_SECONDS = 90.0
_CONNECT_SECONDS = 5.0
KEPT_SECONDS, KEPT_MOST = 60.0, 20
"""Seconds, less than Microsoft's, and number of idle connections, all of which the pool scans."""
_REPEATABLE = frozenset({"GET", "HEAD", "PATCH", "PUT", "DELETE"})
_OF_BODY = frozenset({"content-encoding", "content-length", "transfer-encoding"})


@dataclass(slots=True)
class WarmLoop:
    """Event loop that a worker process keeps between jobs, with its connections to the clouds."""

    runner: asyncio.Runner = field(default_factory=asyncio.Runner)
    http: httpx.AsyncClient | None = None


_kept: contextvars.ContextVar[WarmLoop | None] = contextvars.ContextVar("warm_loop", default=None)
"""Loop of the jobs. A thread of the background does not see it, because it has its own context."""


def keep_loop() -> None:
    _kept.set(WarmLoop())


def run_job(work: Coroutine[Any, Any, T]) -> T:
    """Run the work in the kept loop; a task that is left at its end ends with the loop."""
    kept = _kept.get()
    if kept is None:
        return asyncio.run(work)
    try:
        return kept.runner.run(work, context=contextvars.copy_context())
    finally:
        if asyncio.all_tasks(kept.runner.get_loop()):
            kept.runner.close()
            kept.runner, kept.http = asyncio.Runner(), None


@asynccontextmanager
async def async_client(
    settings: Settings, transport: httpx.AsyncBaseTransport | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """Yield the client for Graph and Exchange, which a warm worker keeps for its next jobs.

    It follows no redirects, connects only to the configured hosts, and keeps no cookies, because
    the next job may be another tenant's.
    """
    kept = None if transport else _kept.get()
    if kept and kept.runner.get_loop() is asyncio.get_running_loop():
        kept.http = kept.http or _client(settings, None)
        yield kept.http
        return
    async with _client(settings, transport) as client:
        yield client


def _client(settings: Settings, transport: httpx.AsyncBaseTransport | None) -> httpx.AsyncClient:
    async def check(request: httpx.Request) -> None:
        _require_allowed(settings.hosts, request)

    return httpx.AsyncClient(
        verify=http_context(),
        timeout=_timeout(READ_SECONDS),
        limits=httpx.Limits(max_keepalive_connections=KEPT_MOST, keepalive_expiry=KEPT_SECONDS),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        transport=transport,
        event_hooks={"request": [check]},
    )


def sync_client(settings: Settings, *, read_seconds: float = READ_SECONDS) -> httpx.Client:
    return client_of(settings.hosts, _timeout(read_seconds))


def client_of(hosts: frozenset[str], seconds: float | httpx.Timeout) -> httpx.Client:
    guard = partial(_require_allowed, hosts)
    return httpx.Client(verify=http_context(), timeout=seconds, event_hooks={"request": [guard]})


def _timeout(read_seconds: float) -> httpx.Timeout:
    return httpx.Timeout(read_seconds, connect=_CONNECT_SECONDS)


def _require_allowed(hosts: frozenset[str], request: httpx.Request) -> None:
    """Refuse a request to a host that is not configured (checklist.toml A7)."""
    if request.url.host.lower() not in hosts:
        raise errors.Rejected(Cause.HOST_NOT_ALLOWED, "graph", code=request.url.host, unsent=True)


@dataclass(frozen=True, slots=True)
class Call:
    """Single request; if ``repeatable`` is None, its method decides whether it is sent twice."""

    service: str
    method: str
    url: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Any = field(default=None, repr=False)
    repeatable: bool | None = None
    read_seconds: float = READ_SECONDS

    @property
    def address(self) -> str:
        """Return the URL as it is documented: ``%20`` for a space, and ``$`` as it is."""
        query = urlencode(self.params, quote_via=quote, safe="$'(),:/@")
        return f"{self.url}?{query}" if query else self.url

    @property
    def name(self) -> str:
        return self.headers.get("X-CmdletName") or f"{self.method} {httpx.URL(self.url).path}"

    @property
    def changes(self) -> bool:
        return not self.name.lower().startswith(("get ", "get-", "head ", "test-"))


@dataclass(frozen=True, slots=True)
class Response:
    """Successful answer with its JSON or None, which may hold a secret: no repr shows it."""

    status: int
    data: Any = field(repr=False)
    ids: errors.RequestIds


#: Turns an answer that is not 2xx into an error; each service reports errors in its own way.
Judge = Callable[[httpx.Response, errors.RequestIds], errors.CloudError]
#: Returns the error that an answer of 2xx reports in its body, or None.
ReportedError = Callable[[Response], errors.CloudError | None]
#: Context that every attempt waits for before it is sent, and that sees how the attempt ended.
Slot = Callable[[], AbstractAsyncContextManager[None]]


async def request(  # noqa: PLR0913, PLR0917  what is sent, how its answer is read, and how often
    client: httpx.AsyncClient,
    call: Call,
    judge: Judge,
    policy: RetryPolicy = PATIENCE,
    source: TokenSource | None = None,
    reported: ReportedError | None = None,
    turn: Slot = nullcontext,
) -> Response:
    """Send a request, and repeat it if the policy allows; each attempt runs in its ``turn``.

    With a ``source`` it has a token, and after a 401 a new one once more: tokens can end early. A
    source that can give another token has a method ``spend``, which takes the refused token.
    """

    async def attempt() -> Response:
        signed = replace(call, headers={"Authorization": f"Bearer {token}", **call.headers})
        async with turn():
            with calls.request_to(call.service):
                answer = await _once(client, signed if token else call, judge)
            if reported and (error := reported(answer)):
                error.unsent = error.cause == Cause.THROTTLED
                raise error
            return answer

    repeats = call.method in _REPEATABLE if call.repeatable is None else call.repeatable
    token, spend = await source() if source else "", getattr(source, "spend", None)
    while True:
        try:
            return await policy.call_async(attempt, partial(may_repeat, repeatable=repeats))
        except TimeoutError as late:
            words = f"no answer in {policy.total_s:g} s"
            raise errors.Transient(Cause.TIMED_OUT, call.service, message=words) from late
        except errors.SignInNeeded as refused:
            if source is None or spend is None or refused.status != httpx.codes.UNAUTHORIZED:
                raise
            spend(token)
            token, spend = await source(), None


async def _once(client: httpx.AsyncClient, call: Call, judge: Judge) -> Response:
    """Send the request once, guarded if it changes something (:mod:`jobs.clouds.calls`)."""
    if call.changes:
        calls.check_guard()
    sent = errors.RequestIds(client_request_id=str(uuid4()))
    headers = {"Accept": "application/json", **call.headers}
    trace = partial(calls.guard_trace, has_body=call.body is not None)
    outgoing = client.build_request(
        call.method,
        call.address,
        headers=headers | {"client-request-id": sent.client_request_id},
        json=call.body,
        timeout=_timeout(call.read_seconds),
        extensions={"trace": trace} if call.changes else None,
    )
    began = time.monotonic()
    try:
        with calls.measured(call.service) as noted:
            response = await _send(client, outgoing, call, sent)
            noted.answered(response.status_code, response.headers)
    except (errors.CloudError, asyncio.CancelledError) as lost:
        if call.changes:  # and may have its effect, although its answer was lost
            calls.note(call.service, call.name, getattr(lost, "status", 0), sent)
        raise
    log.debug(
        "call",
        service=call.service,
        id=sent.client_request_id,
        status=response.status_code,
        seconds=time.monotonic() - began,
    )
    ids = replace(sent, request_id=response.headers.get("request-id", ""))
    if call.changes:
        calls.note(call.service, call.name, response.status_code, ids)
        calls.check_guard()
    if not response.is_success:
        error = judge(response, ids)
        error.retry_after = parse_retry_after(response.headers.get("retry-after"))
        error.unsent = error.cause == Cause.THROTTLED  # after a 503 it may have had its effect
        raise error
    return Response(response.status_code, _json(response, call, ids), ids)


async def _send(
    client: httpx.AsyncClient, outgoing: httpx.Request, call: Call, ids: errors.RequestIds
) -> httpx.Response:
    try:
        response = await client.send(outgoing, stream=True)
    except httpx.RequestError as error:
        raise no_answer(call.service, error, ids) from error
    try:
        await response.aread()
    except httpx.RequestError as error:
        if isinstance(error, httpx.DecodingError) and response.is_error:
            # Exchange declares the NUL bytes of its 403 as gzip, which they are not (microsoft.md
            # 3.5). The status is enough, because a repeated request would get the same one.
            every = response.headers.multi_items()
            headers = [pair for pair in every if pair[0] not in _OF_BODY]
            return httpx.Response(response.status_code, headers=headers, request=response.request)
        cut = errors.unreadable(call.service, str(error) or repr(error), response.status_code, ids)
        raise cut.told_as(errors.TruncatedAnswer, cut.cause) from error
    finally:
        await response.aclose()
    return response


def no_answer(service: str, error: httpx.RequestError, ids: errors.RequestIds) -> errors.Transient:
    """Return the error for a request without an answer, with its cause and whether it was sent."""
    late, told = isinstance(error, httpx.TimeoutException), str(error) or repr(error)
    other = (Cause.TIMED_OUT if late else Cause.CONNECTION_LOST, told)
    cause, words = errors.why_unconnected(error, error.request.url.host) or other
    unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    return errors.Transient(cause, service, message=words, ids=ids, unsent=unsent)


def _json(response: httpx.Response, call: Call, ids: errors.RequestIds) -> Any:
    if not response.content:
        return None
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError) as error:
        told = f"{response.headers.get('content-type', 'no content type')}: not JSON"
        raise errors.unreadable(call.service, told, response.status_code, ids) from error
