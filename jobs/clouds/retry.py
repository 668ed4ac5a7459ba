"""Rules for retries: when a request is sent again, and after how long (checklist.toml J6)."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import stamina
from stamina.instrumentation import StructlogOnRetryHook, set_on_retry_hooks

from jobs.causes.cause import Cause
from jobs.clouds.errors import Transient, TruncatedAnswer

set_on_retry_hooks([StructlogOnRetryHook])  # or else the first retry imports prometheus-client

T = TypeVar("T")
Judge = Callable[[Exception], bool]


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

    def call(self, send: Callable[[], T], may_repeat: Judge) -> T:
        return stamina.RetryingCaller(**self._options)(self._hook(may_repeat), send)

    async def call_async(self, send: Callable[[], Awaitable[T]], may_repeat: Judge) -> T:
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

    def _hook(self, may_repeat: Judge) -> Callable[[Exception], bool | float]:
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


def may_repeat(error: Exception, *, repeatable: bool) -> bool:
    """Return whether it may be sent again; a ``repeatable`` request may have its effect twice.

    The limit of message traces lasts minutes, so pauses would only delay a check's first line.
    """
    if not isinstance(error, Transient | TruncatedAnswer) or error.cause == Cause.TRACE_LIMIT:
        return False
    return repeatable or error.unsent


def parse_retry_after(header: str | None) -> float | None:
    """Return the seconds of a ``Retry-After`` header in either of its two forms, or None."""
    text = (header or "").strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            when = parsedate_to_datetime(text)
        except (ValueError, OverflowError):  # not a date, or a date beyond the calendar
            return None
        moment = when if when.tzinfo else when.replace(tzinfo=UTC)
        return max(0.0, (moment - datetime.now(UTC)).total_seconds())
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
