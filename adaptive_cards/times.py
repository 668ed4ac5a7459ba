"""Format of times in the present language and time zone (:mod:`adaptive_cards.locale`).

In another zone than UTC the time in UTC follows, because logs and portals use UTC.
"""

from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.units import format_unit

from adaptive_cards import locale

_MINUTES_AS_HOURS = 120
_MINUTE = timedelta(minutes=1)
_SHORT_ZONE = 5
MINUTES, SECONDS = "HH:mm", "HH:mm:ss"
"""Patterns of a time of day, which is shown to the minute if none is given."""


def clock(at: datetime, pattern: str = MINUTES) -> str:
    """Return the time as ``14:32 UTC``, or ``15:32 CET (14:32 UTC)``."""
    here = locale.current()
    utc = f"{_format(at.astimezone(UTC), pattern)} UTC"
    if here.zone == locale.UTC:
        return utc
    local = _local(at)
    name = _format(local, "z")  # such as CET or MEZ
    zone = name if len(name) <= _SHORT_ZONE else local.tzname() or ""
    return f"{local_time(at, pattern)} {zone} ({utc})"


def local_time(at: datetime, pattern: str = MINUTES) -> str:
    return _format(_local(at), pattern)


def day(at: datetime) -> str:
    """Return the date as ``24 Nov 2027``."""
    return _skeleton(at, "yMMMd")


def written_date(on: date) -> str:
    here = locale.current().babel
    return format_date(on, here.datetime_skeletons["yMMMd"], locale=here)


def day_month(at: datetime) -> str:
    return _skeleton(at, "MMMd")


def day_minutes(at: datetime) -> str:
    """Return the date and time without the zone, for a narrow column; the kicker names the zone."""
    return f"{day_month(at)}{_before_clock()}{local_time(at)}"


def day_clock(at: datetime, pattern: str = MINUTES) -> str:
    """Return the date and time as ``24 Nov 14:20 UTC``."""
    return f"{day_month(at)}{_before_clock()}{clock(at, pattern)}"


def _before_clock() -> str:
    return locale.BEFORE_CLOCK.get(locale.current().language, " ")


def lasted(span: timedelta) -> str:
    """Return a duration as ``20 seconds``, ``58 minutes``, or ``3 h 20 min`` from two hours on."""
    if span < _MINUTE:
        return _unit(max(0, int(span.total_seconds())), "second", "long")
    total = round(span.total_seconds() / 60)
    if total < _MINUTES_AS_HOURS:
        return _unit(total, "minute", "long")
    return f"{_unit(total // 60, 'hour', 'short')} {_unit(total % 60, 'minute', 'short')}"


def span(length: timedelta) -> str:
    """Return an interval in the largest unit that fits: ``15 minutes``, ``2 hours``, ``1 day``."""
    unit, count = in_unit(length)
    return _unit(count, unit, "long")


def in_unit(length: timedelta) -> tuple[str, int]:
    total = round(length.total_seconds() / 60)
    for unit, size in (("day", 1440), ("hour", 60)):
        if total >= size and total % size == 0:
            return unit, total // size
    return "minute", total


def _local(at: datetime) -> datetime:
    return at.astimezone(locale.current().tz)


def _format(moment: datetime, pattern: str) -> str:
    return _formatted(moment.timestamp(), moment.tzinfo, pattern, locale.current().babel)


def _skeleton(at: datetime, skeleton: str) -> str:
    return _format(_local(at), locale.current().babel.datetime_skeletons[skeleton].pattern)


@lru_cache(2_000)  # a list shows the same times again and again, and Babel takes 0.02 ms for each
def _formatted(seconds: float, zone: tzinfo | None, pattern: str, language: Locale) -> str:
    moment = datetime.fromtimestamp(seconds, zone)
    return format_datetime(moment, pattern, tzinfo=zone, locale=language)


def _unit(number: int, unit: str, length: str) -> str:
    return format_unit(number, f"duration-{unit}", length, locale=locale.current().babel)  # type: ignore[arg-type]
