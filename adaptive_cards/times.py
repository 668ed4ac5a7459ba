"""Format of times: always UTC, always labeled, months by name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from adaptive_cards.texts import text

_MINUTES_AS_HOURS = 120


def clock(at: datetime) -> str:
    """Return the time as ``14:32 UTC``."""
    return text("time.clock", clock=_utc(at).strftime("%H:%M"))


def clock_seconds(at: datetime) -> str:
    """Return the time as ``14:32:48 UTC``."""
    return text("time.clock", clock=seconds(at))


def seconds(at: datetime) -> str:
    """Return the time as ``14:51:07``, for a column of times."""
    return _utc(at).strftime("%H:%M:%S")


def day(at: datetime) -> str:
    """Return the date as ``24 Nov 2027``."""
    return f"{_day_month(at)} {_utc(at).year}"


def day_clock(at: datetime) -> str:
    """Return the date and time as ``24 Nov 14:20 UTC``."""
    return f"{_day_month(at)} {clock(at)}"


def lasted(span: timedelta) -> str:
    """Return a duration as ``58 minutes``, or from two hours on as ``3 h 20 min``."""
    minutes = max(0, round(span.total_seconds() / 60))
    if minutes == 1:
        return text("time.minutes.one")
    if minutes < _MINUTES_AS_HOURS:
        return text("time.minutes.many", count=str(minutes))
    return text("time.hours", hours=str(minutes // 60), minutes=str(minutes % 60))


def _day_month(at: datetime) -> str:
    moment = _utc(at)
    return f"{moment.day} {text('time.months').split()[moment.month - 1]}"


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC)
