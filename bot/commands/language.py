"""Commands /language and /timezone: how cards are drawn in this space, or for a person in a 1:1."""

from __future__ import annotations

from adaptive_cards.components import WELL
from adaptive_cards.locale import Locale, current, drawn_for, find_zone, languages
from adaptive_cards.times import day_clock
from bot.chat import preferences
from bot.chat.context import ChatContext
from bot.commands import Command
from jobs.clock import now
from jobs.model import Text, verbatim

KICKER = Text("language.kicker")


def run(ctx: ChatContext, argument: str) -> None:
    choose(ctx, argument) if argument else _offer(ctx)


def choose(ctx: ChatContext, typed: str) -> None:
    wanted = typed.strip().lower()
    language = next((each for each in languages() if wanted in {each, *_names(each)}), "")
    if not language:
        _offer(ctx, typed)
        return
    preferences.choose(ctx, preferences.Preference.LANGUAGE, language)
    with drawn_for(Locale(language, current().zone)):
        _chosen(ctx, KICKER, Text("language.chosen"))


def _offer(ctx: ChatContext, typed: str = "") -> None:
    title = Text("language.unknown", {"typed": typed}) if typed else Text("language.title")
    own = {each: str(Locale(each).babel.languages[each]).capitalize() for each in languages()}
    buttons = tuple(
        (verbatim(name), {"do": "language", "language": each}) for each, name in own.items()
    )
    ctx.tell(KICKER, title, Text("language.which"), buttons=buttons)


def _names(language: str) -> set[str]:
    return {str(Locale(each).babel.languages[language]).lower() for each in languages()}


ZONE_KICKER = Text("timezone.kicker")


def choose_zone(ctx: ChatContext, argument: str) -> None:
    # A name that no zone has changes nothing.
    zone = find_zone(argument)
    if not zone:
        title = Text("timezone.title", {"zone": current().zone})
        if argument:
            title = Text("timezone.unknown", {"typed": argument})
        ctx.tell(ZONE_KICKER, title, Text("timezone.how"))
        return
    preferences.choose(ctx, preferences.Preference.ZONE, zone)
    with drawn_for(Locale(current().language, zone)):
        title = Text("timezone.chosen", {"zone": zone, "now": day_clock(now())})
        _chosen(ctx, ZONE_KICKER, title)


def _chosen(ctx: ChatContext, kicker: Text, title: Text) -> None:
    where = Text("language.chosen_direct" if ctx.direct else "language.chosen_space")
    ctx.tell(kicker, title, where, WELL)


COMMAND = Command("language", "more", run, argument="de")
OTHER_COMMANDS = (Command("timezone", "more", choose_zone, argument="Europe/Berlin"),)
