"""Clock of the practice cloud, which may be wrong on purpose.

A cloud that is eleven minutes behind is, for the bot, a machine whose own clock is eleven minutes fast.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_AHEAD = [0.0]


def set_ahead(seconds: float) -> None:
    """Let the cloud's clock be ahead of this machine's by so many seconds; behind if negative."""
    _AHEAD[:] = [seconds]


def now() -> datetime:
    """Return the cloud's time in UTC."""
    return datetime.now(UTC) + timedelta(seconds=_AHEAD[0])
