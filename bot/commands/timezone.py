"""Command /timezone: time zone of the bot's cards in this space, or for this person in a 1:1."""

from __future__ import annotations

from adaptive_cards.cards.notice import NoticeView
from adaptive_cards.locale import Locale, current, drawn_for, find_zone
from adaptive_cards.times import day_clock
from bot.chat import preferences
from bot.chat.context import ChatContext
from bot.chat.preferences import Preference
from bot.commands import Command
from jobs.clock import now
from jobs.model import Text

KICKER = Text("timezone.kicker")


def run(ctx: ChatContext, argument: str) -> None:
    """Choose the time zone by its IANA name, or say which zone is in use if no name is typed.

    A name that no zone has changes nothing.
    """
    zone = find_zone(argument)
    if not zone:
        _say_how(ctx, argument)
        return
    preferences.choose(ctx, Preference.ZONE, zone)
    with drawn_for(Locale(current().language, zone)):
        title = Text("timezone.chosen", {"zone": zone, "now": day_clock(now())})
        where = Text("language.chosen_direct" if ctx.direct else "language.chosen_space")
        ctx.notify(NoticeView(KICKER, title, where, tone="good", glyph="✓", at=now()))


def _say_how(ctx: ChatContext, typed: str) -> None:
    title = (
        Text("timezone.unknown", {"typed": typed})
        if typed
        else Text("timezone.title", {"zone": current().zone})
    )
    ctx.notify(NoticeView(KICKER, title, Text("timezone.how"), at=now()))


COMMAND = Command("timezone", "more", run, argument="Europe/Berlin")
