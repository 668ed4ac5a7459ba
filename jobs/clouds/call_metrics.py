"""Measurement of each request to a cloud: its latency, and how it ended."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from http import HTTPStatus

from jobs.storage.counters import CALLS, COUNTERS, THROTTLED


@dataclass(slots=True)
class CallEnd:
    """Answer to a request: its HTTP status, or 0 without one.

    ``outcome`` is set for a protocol that has no HTTP status, and otherwise empty.
    """

    status: int = 0
    outcome: str = ""


@dataclass(slots=True)
class CallCount:
    """Number of requests that a piece of work has made so far."""

    calls: int = 0


_COUNT: ContextVar[CallCount | None] = ContextVar("call_count", default=None)


@contextmanager
def count_calls() -> Iterator[CallCount]:
    """Count the requests that this task makes inside the context, and the tasks that it starts.

    A read that several pieces of work share counts for the piece of work that began it.
    """
    count = CallCount()
    token = _COUNT.set(count)
    try:
        yield count
    finally:
        _COUNT.reset(token)


@contextmanager
def measured(cloud: str) -> Iterator[CallEnd]:
    """Measure the block, which is one request; the block notes the status of its answer.

    Without a status the outcome is ``lost``: the request got no answer, or was given up.
    """
    began, noted = time.monotonic(), CallEnd()
    if (count := _COUNT.get()) is not None:
        count.calls += 1
    try:
        yield noted
    finally:
        word = noted.outcome or outcome(noted.status)
        COUNTERS.time(CALLS, cloud, word, seconds=time.monotonic() - began)
        if noted.status == HTTPStatus.TOO_MANY_REQUESTS:
            COUNTERS.add(THROTTLED, cloud)


def outcome(status: int) -> str:
    """Return the outcome for an HTTP status, or ``lost`` for 0."""
    if status == 0:
        return "lost"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return "throttled"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "failed"
    return "refused" if status >= HTTPStatus.BAD_REQUEST else "ok"
