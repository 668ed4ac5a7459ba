"""Commands /language and /timezone: how cards are drawn in this space, or for a person in a 1:1."""

from adaptive_cards.components import WELL
from adaptive_cards.locale import Locale, current, day_clock, drawn_for, find_zone, languages
from bot.chat import preferences
from bot.chat.context import ChatContext
from bot.commands import Command
from jobs.clock import now
from jobs.model import verbatim


def choose(ctx: ChatContext, typed: str) -> None:
    # Without a language of the bot, all of them are offered.
    wanted = typed.strip().lower()
    if language := next((each for each in languages() if wanted in {each, *_names(each)}), ""):
        preferences.choose(ctx, preferences.Preference.LANGUAGE, language)
        with drawn_for(Locale(language, current().zone)):
            _chosen(ctx, "language.kicker", "language.chosen")
        return
    own = {each: str(Locale(each).babel.languages[each]).capitalize() for each in languages()}
    buttons = tuple((verbatim(own[each]), {"do": "language", "language": each}) for each in own)
    title = "language.unknown" if typed else "language.title"
    ctx.tell("language.kicker", title, "language.which", {"typed": typed}, buttons=buttons)


def _names(language: str) -> set[str]:
    return {str(Locale(each).babel.languages[language]).lower() for each in languages()}


def choose_zone(ctx: ChatContext, argument: str) -> None:
    # A name that no zone has changes nothing.
    if not (zone := find_zone(argument)):
        title = "timezone.unknown" if argument else "timezone.title"
        values = {"zone": current().zone, "typed": argument}
        ctx.tell("timezone.kicker", title, "timezone.how", values)
        return
    preferences.choose(ctx, preferences.Preference.ZONE, zone)
    with drawn_for(Locale(current().language, zone)):
        _chosen(ctx, "timezone.kicker", "timezone.chosen", zone=zone, now=day_clock(now()))


def _chosen(ctx: ChatContext, kicker: str, title: str, **values: str) -> None:
    where = "language.chosen_direct" if ctx.direct else "language.chosen_space"
    ctx.tell(kicker, title, where, values, WELL)


COMMAND = Command("language", "more", "de", run=choose)
OTHER_COMMANDS = (Command("timezone", "more", "Europe/Berlin", run=choose_zone),)
