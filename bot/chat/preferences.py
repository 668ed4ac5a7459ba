"""Language and time zone that a space or a person has chosen for the bot's cards.

A choice made in a 1:1 conversation belongs to the person, and one made in a space to the space. A
1:1 message about a run follows the person's choice, or else that of the space of the run.
"""

from adaptive_cards.locale import Locale, languages
from bot.chat.context import ChatContext
from bot.services import Services
from jobs.runs.run import Run
from jobs.storage import codec, keys

THREAD = "thread"
LANGUAGE, ZONE = "language", "zone"
"""Choices that a space or a person can make, by the names of their fields in Redis."""


def locale_of_card(services: Services, run: Run, to: str) -> Locale:
    """Return the locale of a run's card, which goes to the run's thread or a person's address."""
    origin = run.origin
    if origin.direct:
        return locale_of(services, run.requester.email if to == THREAD else to)
    return locale_of(services, *([] if to == THREAD else [to]), origin.room)


def choose(ctx: ChatContext, preference: str, value: str) -> None:
    ctx.services.redis.hset(_key(place_of(ctx)), preference, value)


def follow(ctx: ChatContext, language: str) -> None:
    """Keep the language in which a command was typed, unless one was chosen here before."""
    if language:
        ctx.services.redis.hsetnx(_key(place_of(ctx)), LANGUAGE, language)


def place_of(ctx: ChatContext) -> str:
    """Return the name under which a choice is kept: the person's address in a 1:1, or the room."""
    return ctx.person.email if ctx.direct else ctx.room


def locale_of(services: Services, *places: str) -> Locale:
    """Return the language and the time zone that these places have chosen.

    A place is a room or a person's address. An earlier one counts more, and last the settings.
    """
    language, zone = services.bot.default_language, services.bot.default_timezone
    for place in reversed(places):
        kept = services.redis.hmget(_key(place), [LANGUAGE, ZONE])
        chosen_language, chosen_zone = map(codec.as_text, kept)
        language, zone = chosen_language or language, chosen_zone or zone
    return Locale(language if language in languages() else services.bot.default_language, zone)


def _key(place: str) -> keys.Key:
    return keys.locale(place.lower() if "@" in place else place)
