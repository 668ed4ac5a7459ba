"""Texts for an age or a time ahead, in the one most useful unit."""

from __future__ import annotations

from datetime import datetime

from adaptive_cards.texts import text

_UNITS = (("seconds", 1, 120), ("minutes", 60, 120), ("hours", 3600, 48))
_DAY_S = 86_400
_MONTH_DAYS = 30.4


def time_until(at: datetime, now: datetime) -> str:
    """Return the time until ``at`` as ``in 12 days``, or from two months on as ``in 12 months``."""
    days = max(0, (at - now).days)
    if days < _MONTH_DAYS * 2:
        return text("age.in_days", count=str(days))
    return text("age.in_months", count=str(round(days / _MONTH_DAYS)))


def time_since(at: datetime, now: datetime) -> str:
    """Return the age as ``now``, ``4 s ago``, ``11 min ago``, ``5 h ago`` or ``3 days ago``.

    A time in the future, from a clock that is fast, gives ``now``.
    """
    passed = (now - at).total_seconds()
    if passed < 1:
        return text("age.now")
    for unit, length, most in _UNITS:
        if passed < length * most:
            return text(f"age.{unit}", count=str(int(passed // length)))
    return text("age.days", count=str(int(passed // _DAY_S)))
