"""Language and time zone of the space or person that a text is drawn for, its numbers and times.

Both are ambient, as in Flask-Babel: inside :func:`drawn_for`, every text, date and list follows them.
In another zone than UTC the time in UTC follows each time, because logs and portals use UTC.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from functools import cache, lru_cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

import babel
from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal, format_percent
from babel.units import format_unit

FOLDER: Final = Path(__file__).parent / "texts"
SOURCE: Final = "en"
"""Language in which the texts are written first. The others are compared with it by tests."""
UTC: Final = "UTC"
REGIONS: Final = {"en": "150", "de": "DE"}
"""Region whose format of dates and times a language uses. 150 is Europe: day first, 24 hours."""
BEFORE_CLOCK: Final = {"de": ", "}
"""Signs between a date and a time, if a language has other ones than a space."""


@dataclass(frozen=True, slots=True)
class Locale:
    """Language, which is the name of a folder of texts, and IANA time zone.

    In the zone ``UTC`` every time is shown once. In another zone, UTC is shown next to a time that
    people compare with a log.
    """

    language: str = SOURCE
    zone: str = UTC

    @property
    def babel(self) -> babel.Locale:
        return _babel(self.language)

    @property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.zone)


DEFAULT: Final = Locale()
_HUNDREDTHS = 10_000
_current: ContextVar[Locale] = ContextVar("locale", default=DEFAULT)


def current() -> Locale:
    """Return the locale that is drawn for now; English and UTC outside :func:`drawn_for`."""
    return _current.get()


@contextmanager
def drawn_for(locale: Locale) -> Iterator[None]:
    """Draw each text of this thread or task in this locale until the block ends."""
    token = _current.set(locale)
    try:
        yield
    finally:
        _current.reset(token)


def use(locale: Locale) -> None:
    """Draw each text of this thread in this locale until its next web request chooses again."""
    _current.set(locale)


@cache
def languages() -> tuple[str, ...]:
    return tuple(sorted(path.name for path in FOLDER.iterdir() if any(path.glob("*.toml"))))


def find_zone(typed: str) -> str:
    wanted = typed.strip().replace(" ", "_")
    return UTC if wanted == UTC else _zones().get(wanted.lower(), "")


@cache
def _zones() -> dict[str, str]:
    """Return every IANA name by its name in lower case; finding them reads 600 files.

    Two files are no zones: ``localtime`` is the server's own, and ``Factory`` that of no place.
    """
    return {name.lower(): name for name in available_timezones() - {"localtime", "Factory"}}


@cache
def _babel(language: str) -> babel.Locale:
    return babel.Locale(language, REGIONS.get(language))


def percent(share: float) -> str:
    """Return a share as ``99.87%``, rounded down, so that only a whole share is ``100%``."""
    here = current().babel
    pattern = here.percent_formats[None].pattern.replace("#,##0", "#,##0.##")
    floored = math.floor(share * _HUNDREDTHS + 1e-6) / _HUNDREDTHS
    return str(format_percent(floored, pattern, here))


def number(value: int) -> str:
    return str(format_decimal(value, locale=current().babel))


_MINUTES_AS_HOURS = 120
_SHORT_ZONE = 5
MINUTES, SECONDS = "HH:mm", "HH:mm:ss"
"""Patterns of a time of day, which is shown to the minute if none is given."""


def clock(at: datetime, pattern: str = MINUTES) -> str:
    """Return the time as ``14:32 UTC``, or ``15:32 CET (14:32 UTC)``."""
    here = current()
    utc = f"{_format(at.astimezone(DEFAULT.tz), pattern)} UTC"
    if here.zone == UTC:
        return utc
    local = _local(at)
    name = _format(local, "z")  # such as CET or MEZ
    zone = name if len(name) <= _SHORT_ZONE else local.tzname() or ""
    return f"{local_time(at, pattern)} {zone} ({utc})"


def local_time(at: datetime, pattern: str = MINUTES) -> str:
    return _format(_local(at), pattern)


def day(at: datetime) -> str:
    """Return the date as ``24 Nov 2027``."""
    return written_date(_local(at).date())


def written_date(on: date) -> str:
    here = current().babel
    return format_date(on, here.datetime_skeletons["yMMMd"], locale=here)


def day_month(at: datetime) -> str:
    return _format(_local(at), current().babel.datetime_skeletons["MMMd"].pattern)


def day_minutes(at: datetime) -> str:
    """Return the date and time without the zone, for a narrow column; the kicker names the zone."""
    return f"{day_month(at)}{BEFORE_CLOCK.get(current().language, ' ')}{local_time(at)}"


def day_clock(at: datetime, pattern: str = MINUTES) -> str:
    """Return the date and time as ``24 Nov 14:20 UTC``."""
    return f"{day_month(at)}{BEFORE_CLOCK.get(current().language, ' ')}{clock(at, pattern)}"


def lasted(span: timedelta) -> str:
    """Return a duration as ``20 seconds``, ``58 minutes``, or ``3 h 20 min`` from two hours on."""
    if span < timedelta(minutes=1):
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
    return at.astimezone(current().tz)


def _format(moment: datetime, pattern: str) -> str:
    return _formatted(moment.timestamp(), moment.tzinfo, pattern, current().babel)


@lru_cache(2_000)  # a list shows the same times again and again, and Babel takes 0.02 ms for each
def _formatted(seconds: float, zone: tzinfo | None, pattern: str, language: babel.Locale) -> str:
    moment = datetime.fromtimestamp(seconds, zone)
    return format_datetime(moment, pattern, tzinfo=zone, locale=language)


def _unit(number: int, unit: str, length: str) -> str:
    return format_unit(number, f"duration-{unit}", length, locale=current().babel)  # type: ignore[arg-type]
