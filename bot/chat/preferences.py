"""Language and time zone that a space or a person has chosen for the bot's cards.

A choice made in a 1:1 conversation belongs to the person, and one made in a space to the space. A
1:1 message about a run follows the person's choice, or else that of the space of the run.
"""

import re
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum

from adaptive_cards.locale import Locale, languages
from bot.chat.context import ChatContext
from bot.services import Services
from jobs.runs.run import Run
from jobs.storage import codec, keys

THREAD = "thread"
_HOURS = re.compile(
    r"([01]?\d|2[0-3])(?::([0-5]\d))?\s*[-\u2013]\s*([01]?\d|2[0-3])(?::([0-5]\d))?"
)


class Preference(StrEnum):
    """Choice that a space or a person can make, by the name of its field in Redis."""

    LANGUAGE = "language"
    ZONE = "zone"
    QUIET = "quiet"


def locale_of_card(services: Services, run: Run, to: str) -> Locale:
    """Return the locale of a run's card, which goes to the run's thread or a person's address."""
    origin = run.origin
    if origin.direct:
        return locale_of(services, run.requester.email if to == THREAD else to)
    return locale_of(services, *([] if to == THREAD else [to]), origin.room)


def quiet_hours(services: Services, room: str) -> str:
    """Return the hours without reminders in a space, such as ``22:00-07:00``, or an empty text."""
    return codec.as_text(services.redis.hget(keys.locale(room), Preference.QUIET))


def quiet_until(services: Services, room: str, locale: Locale, at: datetime) -> datetime | None:
    """Return the end of a conversation's quiet hours in UTC, or None outside them."""
    hours = read_quiet_hours(quiet_hours(services, room))
    return end_of_quiet(hours, at.astimezone(locale.tz)) if hours else None


def read_quiet_hours(typed: str) -> tuple[time, time] | None:
    found = _HOURS.fullmatch(typed.strip())
    if found is None:
        return None
    begin_hour, begin_minute, end_hour, end_minute = map(int, found.groups(default="0"))
    begin, end = time(begin_hour, begin_minute), time(end_hour, end_minute)
    return (begin, end) if begin != end else None


def end_of_quiet(hours: tuple[time, time], local: datetime) -> datetime | None:
    (begin, end), clock = hours, local.time()
    # the end may be on the next day
    if not (begin <= clock < end if begin < end else clock >= begin or clock < end):
        return None
    day = local.date() if clock < end else local.date() + timedelta(days=1)
    return datetime.combine(day, end, local.tzinfo).astimezone(UTC)


def choose(ctx: ChatContext, preference: Preference, value: str) -> None:
    """Keep a choice; quiet hours are of a room, and an empty text ends them."""
    place = ctx.room if preference is Preference.QUIET else place_of(ctx)
    ctx.services.redis.hset(_key(place), preference, value)


def follow(ctx: ChatContext, language: str) -> None:
    """Keep the language in which a command was typed, unless one was chosen here before."""
    if language:
        ctx.services.redis.hsetnx(_key(place_of(ctx)), Preference.LANGUAGE, language)


def place_of(ctx: ChatContext) -> str:
    """Return the name under which a choice is kept: the person's address in a 1:1, or the room."""
    return ctx.person.email if ctx.direct else ctx.room


def locale_of(services: Services, *places: str) -> Locale:
    """Return the language and the time zone that these places have chosen.

    A place is a room or a person's address. An earlier one counts more, and last the settings.
    """
    language, zone = services.bot.default_language, services.bot.default_timezone
    for place in reversed(places):
        kept = services.redis.hmget(_key(place), [Preference.LANGUAGE, Preference.ZONE])
        chosen_language, chosen_zone = map(codec.as_text, kept)
        language, zone = chosen_language or language, chosen_zone or zone
    return Locale(language if language in languages() else services.bot.default_language, zone)


def _key(place: str) -> keys.Key:
    return keys.locale(place.lower() if "@" in place else place)
