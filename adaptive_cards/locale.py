"""Language and time zone of the space or person that a text is drawn for, and its numbers.

Both are ambient, as in Flask-Babel: inside :func:`drawn_for`, every text, date and list follows them.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

import babel
from babel.numbers import format_decimal, format_percent

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
