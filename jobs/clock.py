"""Time source and time parsing: all times are timezone-aware and in UTC."""

import os
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def paced(seconds: float) -> float:
    """Return a wait of the bot's own choice, in seconds.

    Tests that play whole setups make these waits shorter with ``PACE``, a factor. Time limits, and
    waits that a cloud asks for, have no factor.
    """
    return seconds * float(os.environ.get("PACE", "1"))


def now() -> datetime:
    return datetime.now(UTC)


def seconds_since_boot() -> float:
    """Return the seconds since the machine was started, including those in which it was suspended.

    Linux's CLOCK_MONOTONIC, and with it :func:`time.monotonic`, leaves out suspended time, so after
    a laptop's sleep a lease would look fresh that has expired in Redis. CLOCK_BOOTTIME counts it
    (clock_gettime(2)). macOS has no CLOCK_BOOTTIME, and its CLOCK_MONOTONIC counts sleep, although
    :func:`time.monotonic` does not. A virtual machine that its host pauses may see neither.
    """
    return time.clock_gettime(_CLOCK)


def parse(value: object) -> datetime | None:
    """Return a time in UTC, which a value without a time zone means, or None if it is none."""
    try:
        found = datetime.fromisoformat(str(value))
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def parse_http(date: str) -> datetime | None:
    """Return the time in an HTTP header (RFC 9110, 5.6.7), or None if it is none."""
    try:
        found = parsedate_to_datetime(date)
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # not a date, or a date beyond the calendar
        return None
