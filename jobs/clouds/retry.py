"""When a request is sent again, and after how long (DESIGN.md, CHECKLIST J6)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from jobs.clouds.errors import Transient, TruncatedAnswer

_SHORTEST_WAIT = 0.5


def retry_after(header: str | None) -> float | None:
    """The seconds that a ``Retry-After`` header asks for, in either of its two forms; None if it makes no sense."""
    text = (header or "").strip()
    try:
        seconds = float(text)
    except ValueError:
        return _seconds_until(text)
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _seconds_until(text: str) -> float | None:
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # no date, or one beyond the calendar
        return None
    aware = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long to try. Seconds; ``longest_wait`` is one sleep, ``total`` is everything from the first byte on."""

    attempts: int = 5
    total: float = 90.0
    longest_wait: float = 60.0

    def wait(self, error: Exception, *, repeatable: bool, spent: float) -> bool | float:
        """Whether to send again: False, True (stamina's own back-off) or the seconds to wait.

        Retry-After is a minimum. Where it is longer than we would sleep, the error goes up at once with ``retry_after``
        in it: the job parks itself and frees the worker, instead of knocking too early.
        """
        if not isinstance(error, Transient | TruncatedAnswer) or not (repeatable or error.unsent):
            return False
        if error.retry_after is None:
            return True
        wait = max(error.retry_after, _SHORTEST_WAIT)
        return wait if wait <= self.longest_wait and spent + wait < self.total else False


PATIENCE = RetryPolicy()
