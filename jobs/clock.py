"""Time source and time parsing: all times are timezone-aware and in UTC."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """Return the present time in UTC."""
    return datetime.now(UTC)


def parse(value: object) -> datetime | None:
    """Return a time in UTC, or None if the value is not a valid time.

    A value without a time zone means UTC.
    """
    try:
        found = datetime.fromisoformat(str(value))
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
