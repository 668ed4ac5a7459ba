"""Context of each request to a cloud: its log, its measurement, silent clouds, and the write guard.

The log collects changing calls for the audit trail, with the IDs that Microsoft support needs. A
request is repeated for up to 90 seconds (:mod:`jobs.clouds.http`), but a person who waits hears
within seconds that the cloud is silent. A refusal is an answer, and so is a 429.

The guard raises an error if nothing may be changed any more. It is asked right before a changing
call is sent: a worker that was stopped in the middle of a change, and goes on after another has
taken over its run, would otherwise send the rest. It is also asked when an answer has come: a late
answer, such as a new client secret, must not replace that of the worker's successor.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeVar

from jobs.causes.cause import Cause
from jobs.clouds.clock_skew import METER, MICROSOFT, WEBEX
from jobs.clouds.errors import RequestIds, Transient
from jobs.storage.counters import CALLS, COUNTERS, THROTTLED

CLOCKS = {"webex": WEBEX, "graph": MICROSOFT, "exchange": MICROSOFT, "entra": MICROSOFT}
"""Clocks that the answers of the clouds show."""
T = TypeVar("T")
_MADE: ContextVar[list[str] | None] = ContextVar("calls_made", default=None)


@contextmanager
def _set(variable: ContextVar[T | None], value: T) -> Iterator[T]:
    token = variable.set(value)
    try:
        yield value
    finally:
        variable.reset(token)


@contextmanager
def collect() -> Iterator[list[str]]:
    """Collect a line for each call of this task and those it starts, for outer contexts, too."""
    outer = _MADE.get()
    with _set(_MADE, list[str]()) as made:
        try:
            yield made
        finally:
            if outer is not None:
                outer += made


def note(service: str, what: str, status: int, ids: RequestIds) -> None:
    if (made := _MADE.get()) is not None:
        named = (f"{name}={value}" for name, value in ids.items())
        made.append(" ".join((service, what, str(status), *named)))


@dataclass(slots=True)
class CallEnd:
    """HTTP status and headers of an answer, 0 without one, or another protocol's ``outcome``."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    outcome: str = ""

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        self.status, self.headers = status, headers


@contextmanager
def measured(cloud: str) -> Iterator[CallEnd]:
    """Measure the block, which is one request and notes its answer; without one it was lost.

    The answers of Webex and Microsoft also measure this machine's clock.
    """
    began, noted = time.monotonic(), CallEnd()
    try:
        yield noted
    finally:
        word, took = noted.outcome or outcome(noted.status), time.monotonic() - began
        COUNTERS.time(CALLS, cloud, word, seconds=took)
        if cloud in CLOCKS:
            METER.note(CLOCKS[cloud], noted.headers, took)
        if noted.status == HTTPStatus.TOO_MANY_REQUESTS:
            COUNTERS.add(THROTTLED, cloud)


def outcome(status: int) -> str:
    if status == 0:
        return "lost"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return "throttled"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "failed"
    return "refused" if status >= HTTPStatus.BAD_REQUEST else "ok"


FAILING_S = 1.5
"""Seconds without any answer after a failure from which a cloud counts as silent."""
WAITING_S = 2.5
"""Seconds that a request waits for any answer of its cloud before the cloud counts as silent."""


@dataclass(slots=True)
class SilenceWatch:
    """Requests of one piece of work, by cloud; each operation is one of a dict, for threads."""

    _sent: dict[object, tuple[str, float]] = field(default_factory=dict)
    _failed: dict[str, float] = field(default_factory=dict)
    _answered: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def request(self, service: str) -> Iterator[None]:
        """Note one attempt; a transient error means no answer, and a throttled one is an answer."""
        mark, failed = object(), False
        self._sent[mark] = service, time.monotonic()
        try:
            yield
        except Transient as error:
            failed = error.cause != Cause.THROTTLED
            raise
        finally:
            del self._sent[mark]
            if failed:
                self._failed.setdefault(service, time.monotonic())
            else:
                self._answered[service] = time.monotonic()
                self._failed.pop(service, None)

    def silent(self) -> tuple[str, ...]:
        """Return the clouds that do not answer so far, in alphabetical order."""
        now = time.monotonic()
        failing = {name for name, since in list(self._failed.items()) if now - since >= FAILING_S}
        sent = [each for each in list(self._sent.values()) if now - each[1] >= WAITING_S]
        waiting = {name for name, since in sent if self._answered.get(name, 0.0) < since}
        return tuple(sorted(failing | waiting))


_WATCH: ContextVar[SilenceWatch | None] = ContextVar("silence_watch", default=None)


def watch_silence() -> AbstractContextManager[SilenceWatch]:
    return _set(_WATCH, SilenceWatch())


def request_to(service: str) -> AbstractContextManager[None]:
    watch = _WATCH.get()
    return watch.request(service) if watch else nullcontext()


Guard = Callable[[], None]
HEAD, BODY = ".send_request_headers.started", ".send_request_body.started"
"""Ends of httpcore's names for the moments before it writes the request's head, and its body."""

_GUARD: ContextVar[Guard | None] = ContextVar("write_guard", default=None)


def guarded(guard: Guard) -> AbstractContextManager[Guard]:
    """Ask the guard before every changing call inside the context, in all tasks started there."""
    return _set(_GUARD, guard)


def check_guard() -> None:
    guard = _GUARD.get()
    if guard is not None:
        guard()


async def guard_trace(event: str, _: object, *, has_body: bool) -> None:
    """Ask the guard when httpcore is about to send a request (its extension ``trace``).

    The worker may be stopped while a connection opens, or between the head and the body, without
    which nothing is carried out.
    """
    if event.endswith(HEAD) or (has_body and event.endswith(BODY)):
        check_guard()
