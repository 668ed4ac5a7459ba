"""Clock of the practice cloud, which may be wrong on purpose.

If the cloud is eleven minutes behind, the bot sees a machine whose own clock is eleven minutes
fast.
"""

from datetime import UTC, datetime, timedelta

_AHEAD = [0.0]


def set_ahead(seconds: float) -> None:
    """Set by how many seconds the cloud's clock is ahead of this machine's; behind if negative."""
    _AHEAD[:] = [seconds]


def now() -> datetime:
    """Return the cloud's time in UTC."""
    return datetime.now(UTC) + timedelta(seconds=_AHEAD[0])
