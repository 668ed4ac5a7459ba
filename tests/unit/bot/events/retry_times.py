"""Times of retries, for the tests of events."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from jobs.clock import now

Said = Callable[[], list[tuple[str, str]]]


def seconds(when: datetime | None) -> int | None:
    """Return the seconds until ``when``, or None without a time."""
    return when and round((when - now()).total_seconds())
