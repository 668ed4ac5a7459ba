"""Buttons of the watch: watch a channel, end it, the list, and "I'm on it"."""

from __future__ import annotations

from adaptive_cards.cards.notice import NoticeView
from bot.chat.context import ChatContext
from bot.chat.permissions import visible_channels
from bot.commands import watch
from jobs.clock import now
from jobs.model import Text
from jobs.watch.model import Incident, IncidentCard


def _watch(ctx: ChatContext, inputs: dict[str, str]) -> None:
    """Do the same as the typed command ``/watch ADDRESS``."""
    watch.run(ctx, inputs.get("channel", ""))


def _off(ctx: ChatContext, inputs: dict[str, str]) -> None:
    """Do the same as the typed command ``/watch ADDRESS off``."""
    watch.run(ctx, f"{inputs.get('channel', '')} off")


def _list(ctx: ChatContext, _inputs: dict[str, str]) -> None:
    watch.listed(ctx)


def _on_it(ctx: ChatContext, inputs: dict[str, str]) -> None:
    """Record that the person acts on every incident of the card, which stops the reminders."""
    incidents = ctx.services.watching.incidents
    card = incidents.card(inputs.get("card", ""))
    if card is None:
        ctx.refuse(Text("watch.card_gone"), title="refused.nothing")
        return
    shown = incidents.of_card(card.id)
    if not _may_act(ctx, card, shown):
        ctx.refuse(Text("watch.not_here"), title="refused.button")
        return
    open_ones = [each for each in shown if each.is_open]
    if not open_ones:
        ctx.notify(NoticeView(watch.KICKER, Text("watch.over"), Text("watch.over_words"), at=now()))
        return
    for each in open_ones:
        incidents.take_on(each.id, ctx.person.email, now())
    for card_id in {name for each in open_ones for name in each.cards}:
        ctx.services.cards.request(card_id)


def _may_act(ctx: ChatContext, card: IncidentCard, shown: tuple[Incident, ...]) -> bool:
    """Return whether the person may: in the card's own space, or if the card was sent to them 1:1."""
    told = {name for each in shown for name in each.told}
    known = set(visible_channels(ctx))
    return (
        ctx.room == card.room
        or (ctx.direct and not told.isdisjoint(ctx.person.emails))
        or any(each.mailbox in known for each in shown)
    )


ACTIONS = {"watch": _watch, "watch_off": _off, "watch_list": _list, "watch_on_it": _on_it}
