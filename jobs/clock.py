"""The one clock, and what others' clocks say: aware, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


def parse(value: object) -> datetime | None:
    """A moment as somebody wrote it, in UTC, which is also what one without a zone means; None where it is none of the calendar."""
    try:
        found = datetime.fromisoformat(str(value))
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
