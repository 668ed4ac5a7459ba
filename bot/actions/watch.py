"""Buttons of the watch: begin and end it, list it, say and take back "I'm on it", and repair."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from adaptive_cards.cards.notice import OFFERS_MOST, Offer, offer
from bot.actions import Action
from bot.cards.presenters.watch import fixable
from bot.chat.context import ChatContext, RefusedError
from bot.chat.permissions import outsiders, visible_channels
from bot.commands import changes, watch
from bot.webex.errors import WebexAnswerError
from jobs.clock import now
from jobs.model import Text
from jobs.watch.model import Incident, IncidentCard


def _act(ctx: ChatContext, inputs: dict[str, str], *, on_it: bool) -> None:
    # Everybody who may press "I'm on it" may take it back, because the person who pressed it may be
    # away.
    incidents, open_ones = ctx.services.watching.incidents, _open_ones(ctx, inputs)
    person, at = (ctx.person.email, now()) if on_it else ("", None)
    for each in open_ones:
        incidents.take_on(each.id, person, at)
    for card_id in {name for each in open_ones for name in each.cards}:
        ctx.services.cards.request(card_id)


def _open_ones(ctx: ChatContext, inputs: dict[str, str]) -> list[Incident]:
    incidents = ctx.services.watching.incidents
    card = incidents.card(inputs.get("card", ""))
    if card is None:
        raise RefusedError(Text("watch.card_gone"))
    shown = incidents.of_card(card.id)
    if not _may_act(ctx, card, shown):
        raise RefusedError(Text("watch.not_here"), "refused.button")
    open_ones = [each for each in shown if each.is_open]
    if not open_ones:
        ctx.tell(watch.KICKER, "watch.over", "watch.over_words")
    return open_ones


def _fix(ctx: ChatContext, inputs: dict[str, str]) -> None:
    open_ones = _open_ones(ctx, inputs)
    if not open_ones:
        return
    broken = {each.mailbox: each for each in fixable(open_ones)}
    mailbox = inputs.get("channel", "")
    if mailbox in broken:
        _begin_fix(ctx, broken[mailbox])
    elif broken:
        _offer_fixes(ctx, inputs["card"], sorted(broken))
    else:
        ctx.tell(watch.KICKER, "watch.no_fix_left", "watch.no_fix_words")


def _offer_fixes(ctx: ChatContext, card: str, mailboxes: list[str]) -> None:
    # The card also has a field in which any channel of this space can be typed.
    pressed = {"do": "watch_fix", "card": card}
    offers = tuple(
        Offer(Text("choice.button.fix", {"value": each}), pressed | {"channel": each})
        for each in mailboxes[:OFFERS_MOST]
    )
    left = len(mailboxes) - len(offers)
    lines = (Text("watch.more_fixes", {"count": str(left)}),) if left else ()
    here = not set(mailboxes).isdisjoint(visible_channels(ctx))
    title, turn, field = Text("choice.title.fix"), Text("watch.choose_fix"), "fix" if here else ""
    ctx.say(offer(watch.KICKER, title, offers, now(), turn=turn, lines=lines, field=field))


def _begin_fix(ctx: ChatContext, incident: Incident) -> None:
    mailbox = incident.mailbox
    if mailbox in visible_channels(ctx):
        changes.fix(ctx, mailbox)
        return
    watched = ctx.services.watching.channels.load(mailbox)
    # The rules are those of a command that is typed in the channel's own space: the person is a
    # member, and nobody else in the space is an outsider.
    may = watched is not None and not watched.direct and _may_command(ctx, watched.room)
    there = replace(ctx, room=watched.room, direct=False, thread="") if watched and may else None
    if there is not None:
        changes.fix(there, mailbox)
    title = "watch.fix_there" if there else "watch.fix_not_there"
    ctx.tell(watch.KICKER, title, f"{title}_words", {"mailbox": mailbox})


def _may_command(ctx: ChatContext, room: str) -> bool:
    webex = ctx.services.webex
    try:
        is_member = webex.membership(room, ctx.person.id) is not None
        return is_member and not outsiders(ctx.services, webex.members(room))
    except WebexAnswerError:  # the bot is no longer in that space
        return False


def _may_act(ctx: ChatContext, card: IncidentCard, shown: tuple[Incident, ...]) -> bool:
    # Everybody may in the card's own space, and so may people to whom the card was sent 1:1 or who
    # may see one of the channels here.
    told = {name for each in shown for name in each.told}
    was_told = ctx.direct and not told.isdisjoint(ctx.person.emails)
    mailboxes = {each.mailbox for each in shown}
    return ctx.room == card.room or was_told or not mailboxes.isdisjoint(visible_channels(ctx))


ACTIONS: dict[str, Action] = {
    "watch": lambda ctx, inputs: watch.run(ctx, inputs.get("channel", "")),
    "watch_off": lambda ctx, inputs: watch.run(ctx, f"{inputs.get('channel', '')} off"),
    "watch_list": lambda ctx, _: watch.listed(ctx),
    "watch_on_it": partial(_act, on_it=True),
    "watch_not_on_it": partial(_act, on_it=False),
    "watch_fix": _fix,
}
