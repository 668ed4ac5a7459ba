"""Buttons of the watch: begin and end it, list it, say and take back "I'm on it", and repair."""

from __future__ import annotations

from dataclasses import replace

from adaptive_cards import offer
from adaptive_cards.cards.notice import OFFERS_MOST, NoticeView, Offer, OfferView
from bot.cards.presenters.watch import fixable
from bot.chat.context import ChatContext
from bot.chat.permissions import AccessPolicy, visible_channels
from bot.commands import fix, watch
from bot.webex.errors import WebexAnswerError
from jobs.clock import now
from jobs.model import Text
from jobs.watch.model import Incident, IncidentCard


def _watch(ctx: ChatContext, inputs: dict[str, str]) -> None:
    watch.run(ctx, inputs.get("channel", ""))


def _off(ctx: ChatContext, inputs: dict[str, str]) -> None:
    watch.run(ctx, f"{inputs.get('channel', '')} off")


def _list(ctx: ChatContext, _inputs: dict[str, str]) -> None:
    watch.listed(ctx)


def _on_it(ctx: ChatContext, inputs: dict[str, str]) -> None:
    open_ones = _open_ones(ctx, inputs)
    for each in open_ones:
        ctx.services.watching.incidents.take_on(each.id, ctx.person.email, now())
    _draw(ctx, open_ones)


def _not_on_it(ctx: ChatContext, inputs: dict[str, str]) -> None:
    # Everybody who may press "I'm on it" may press this button too, because the person who pressed
    # "I'm on it" may be away.
    open_ones = _open_ones(ctx, inputs)
    for each in open_ones:
        ctx.services.watching.incidents.release(each.id)
    _draw(ctx, open_ones)


def _open_ones(ctx: ChatContext, inputs: dict[str, str]) -> list[Incident]:
    incidents = ctx.services.watching.incidents
    card = incidents.card(inputs.get("card", ""))
    if card is None:
        ctx.refuse(Text("watch.card_gone"), title="refused.nothing")
        return []
    shown = incidents.of_card(card.id)
    if not _may_act(ctx, card, shown):
        ctx.refuse(Text("watch.not_here"), title="refused.button")
        return []
    open_ones = [each for each in shown if each.is_open]
    if not open_ones:
        ctx.notify(NoticeView(watch.KICKER, Text("watch.over"), Text("watch.over_words"), at=now()))
    return open_ones


def _draw(ctx: ChatContext, changed: list[Incident]) -> None:
    for card_id in {name for each in changed for name in each.cards}:
        ctx.services.cards.request(card_id)


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
        title, words = Text("watch.no_fix_left"), Text("watch.no_fix_words")
        ctx.notify(NoticeView(watch.KICKER, title, words, at=now()))


def _offer_fixes(ctx: ChatContext, card: str, mailboxes: list[str]) -> None:
    # The card also has a field in which any channel of this space can be typed.
    offers = tuple(
        Offer(
            Text("choice.button.fix", {"value": each}),
            {"do": "watch_fix", "card": card, "channel": each},
        )
        for each in mailboxes[:OFFERS_MOST]
    )
    left = len(mailboxes) - len(offers)
    lines = (Text("watch.more_fixes", {"count": str(left)}),) if left else ()
    here = not set(mailboxes).isdisjoint(visible_channels(ctx))
    view = OfferView(
        watch.KICKER,
        Text("choice.title.fix"),
        offers,
        now(),
        turn=Text("watch.choose_fix"),
        lines=lines,
        field="fix" if here else "",
    )
    ctx.say(offer(view))


def _begin_fix(ctx: ChatContext, incident: Incident) -> None:
    mailbox = incident.mailbox
    if mailbox in visible_channels(ctx):
        fix.run(ctx, mailbox)
        return
    there = _in_its_space(ctx, mailbox)
    title = Text("watch.fix_there" if there else "watch.fix_not_there", {"mailbox": mailbox})
    words = Text("watch.fix_there_words" if there else "watch.fix_not_there_words")
    if there is not None:
        fix.run(there, mailbox)
    ctx.notify(NoticeView(watch.KICKER, title, words, at=now()))


def _in_its_space(ctx: ChatContext, mailbox: str) -> ChatContext | None:
    """Return the context of the channel's own space; None if the person may not use the bot there.

    The rules are those of a command that is typed there: the person is a member, and nobody else in
    the space is an outsider.
    """
    watched = ctx.services.watching.channels.load(mailbox)
    if watched is None or watched.direct or not _may_command(ctx, watched.room):
        return None
    return replace(ctx, room=watched.room, direct=False, thread="")


def _may_command(ctx: ChatContext, room: str) -> bool:
    services = ctx.services
    policy = AccessPolicy(services.bot, services.webex)
    try:
        member = services.webex.membership(room, ctx.person.id)
        others = policy.external_members(services.webex.members(room), services.me.id)
    except WebexAnswerError:  # the bot is no longer in that space
        return False
    return member is not None and not others


def _may_act(ctx: ChatContext, card: IncidentCard, shown: tuple[Incident, ...]) -> bool:
    # Everybody may in the card's own space, and so may people to whom the card was sent 1:1 or who
    # may see one of the channels here.
    known = set(visible_channels(ctx))
    return (
        ctx.room == card.room
        or _was_told(ctx, shown)
        or any(each.mailbox in known for each in shown)
    )


def _was_told(ctx: ChatContext, shown: tuple[Incident, ...]) -> bool:
    told = {name for each in shown for name in each.told}
    return ctx.direct and not told.isdisjoint(ctx.person.emails)


ACTIONS = {
    "watch": _watch,
    "watch_off": _off,
    "watch_list": _list,
    "watch_on_it": _on_it,
    "watch_not_on_it": _not_on_it,
    "watch_fix": _fix,
}
