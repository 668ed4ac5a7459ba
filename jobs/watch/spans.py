"""Spans of time as people type them: ``5m``, ``2 hours``, ``1 Tag``."""

from __future__ import annotations

import re
from datetime import timedelta

_SPAN = re.compile(r"(\d{1,5}) ?([a-z]+)\.?", re.IGNORECASE)
_UNITS = (
    (timedelta(minutes=1), "m min mins minute minutes minuten"),
    (timedelta(hours=1), "h hour hours std stunde stunden"),
    (timedelta(days=1), "d day days tag tage tagen"),
)
"""Units of time in English and German."""
_LENGTH = {word: length for length, words in _UNITS for word in words.split()}
SHORTEST, LONGEST = timedelta(minutes=5), timedelta(days=1)
"""Limits of the time between two looks.

The shortest time is not shorter because Microsoft limits message traces.
"""
MAIL_SHORTEST = timedelta(hours=1)
"""Shortest time between two test mails of the watch: each of them is a task for an agent."""
LONGEST_PAUSE = timedelta(days=30)


def read_span(typed: str) -> timedelta | None:
    """Return the span of time that a person typed, or None if the text is not a span."""
    found = _SPAN.fullmatch(typed.strip())
    length = _LENGTH.get(found[2].lower()) if found else None
    return length * int(found[1]) if found and length else None


def read_interval(typed: str) -> timedelta | None:
    """Return the time between two looks; None if the text is not a span or beyond the limits."""
    return _limited(typed, SHORTEST)


def read_mail_interval(typed: str) -> timedelta | None:
    """Return the time between two test mails, or zero if the text means never.

    It is None if the text is not a span or beyond the limits.
    """
    if typed.strip().lower() in {"0", "off"}:
        return timedelta(0)
    return _limited(typed, MAIL_SHORTEST)


def _limited(typed: str, shortest: timedelta) -> timedelta | None:
    span = read_span(typed)
    return span if span is not None and shortest <= span <= LONGEST else None


def written(span: timedelta) -> str:
    """Return the span as people type it, in the largest unit that fits."""
    minutes = round(span.total_seconds() / 60)
    for unit, size in (("d", 1440), ("h", 60)):
        if minutes % size == 0 and minutes >= size:
            return f"{minutes // size}{unit}"
    return f"{minutes}m"
