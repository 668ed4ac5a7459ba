"""/setup-email: connect a mailbox to Webex Contact Center."""

from __future__ import annotations

from adaptive_cards import intake
from adaptive_cards.cards.intake import IntakeView
from adaptive_cards.cards.notice import NoticeView
from adaptive_cards.texts import has_text
from adaptive_cards.views import Header
from bot.cards import delivery
from bot.cards.presenters.card_state import was_posted
from bot.chat import permissions
from bot.chat.addresses import read_mailbox
from bot.chat.context import ChatContext
from bot.commands import Command
from bot.webex.client import WebexAnswerError
from jobs.clock import now
from jobs.model import Channel, RunKind, Text
from jobs.next_action import next_action
from jobs.runs.channel_index import AlreadyRunningError, Record
from jobs.runs.origin import Brief
from jobs.runs.run import Event, Kind, Run

FIRST = "intake"
"""The card that a run begins with: an answer to the command, and never edited."""


def run(ctx: ChatContext, argument: str) -> None:
    """Begin with the first card; a channel that is connected, or being connected, is pointed to instead."""
    if not argument:
        begin(ctx, "")
        return
    mailbox = read_mailbox(ctx, "setup-email", argument)
    if mailbox:
        setup(ctx, mailbox)


def setup(ctx: ChatContext, mailbox: str) -> None:
    """Set a mailbox up, unless it is."""
    record = ctx.services.channels.record(mailbox)
    if record is not None and not ctx.services.channels.running(mailbox):
        already(ctx, mailbox, record)
        return
    begin(ctx, mailbox)


def inspect_again(ctx: ChatContext, mailbox: str) -> None:
    """A connected channel, looked at anew with the addresses that are known; nothing of it is used where it is not known."""
    record = ctx.services.channels.record(mailbox)
    if record is None or mailbox not in permissions.visible_channels(ctx):
        begin(ctx, mailbox)
        return
    begin_known(ctx, record.channel, RunKind.SETUP)


def begin_known(ctx: ChatContext, channel: Channel, kind: RunKind, *events: Event, brief: Brief | None = None) -> None:
    """Open a run of a channel whose details are known, and let a worker go on; ``brief`` is what it is told beside.

    The same message or press opens one run.
    """
    try:
        opened = ctx.services.store.open(channel, ctx.asker, ctx.origin, kind, brief)
    except AlreadyRunningError as busy:
        opened = ctx.services.store.load(busy.run)
        if opened.detailed or opened.origin.message != ctx.origin.message:
            point_to(ctx, opened)
            return
    ctx.services.record(opened.id, Event(Kind.DETAILS, now(), by=ctx.person.email, channel=channel), *events)


def begin(ctx: ChatContext, mailbox: str) -> None:
    """Open a run, and ask for what only Webex Connect knows. The same message or press opens one run, however often it is delivered."""
    opened = _opened(ctx, mailbox)
    if opened is not None:
        card = intake(IntakeView(Header(opened.id, mailbox, 1), _known(ctx, mailbox), ask_mailbox=not mailbox))
        if ctx.say(card, shows=(opened.id, FIRST)).id:
            delivery.mark_posted(ctx.services, opened.id, FIRST)


def _opened(ctx: ChatContext, mailbox: str) -> Run | None:
    """The run whose first card is shown; None where it is at work already, and was pointed to.

    Where Webex has never taken the first card, who asks again gets it, or elsewhere a run of that place, and the one before ends.
    """
    try:
        return ctx.services.store.open(Channel(mailbox), ctx.asker, ctx.origin)
    except AlreadyRunningError as busy:
        other = ctx.services.store.load(busy.run)
    unseen = not was_posted(ctx.services, other.id, FIRST)
    mine = unseen and other.requester.id == ctx.person.id and other.kind is RunKind.SETUP
    here = other.origin.message == ctx.origin.message or (mine and other.origin.room == ctx.room)
    if other.detailed or not (here or mine):
        point_to(ctx, other)
        return None
    if here:
        return other
    ctx.services.store.end(other, Event(Kind.CANCELLED, now(), by=ctx.person.email))
    return _opened(ctx, mailbox)


def already(ctx: ChatContext, mailbox: str, record: Record) -> None:
    """It is connected: say since when, and change nothing."""
    words = Text("notice.done_words", {"day": f"{record.at:%d %b %Y}", "run": record.run})
    buttons = tuple((f"button.{do}", {"do": do, "mailbox_meant": mailbox}) for do in ("setup_again", "setup_change"))
    title = Text("notice.done_title", {"mailbox": mailbox})
    ctx.notify(NoticeView(Text("notice.done_kicker"), title, words, tone="good", glyph="✓", buttons=buttons))


def point_to(ctx: ChatContext, other: Run) -> None:
    """It is at work already: say by which run and what that does, where that shows itself, and whose turn it is there."""
    turn = next_action(other)
    of_kind = f"notice.running_title_{other.kind}"
    title = Text(of_kind if has_text(of_kind) else "notice.running_title", {"mailbox": other.channel.mailbox, "run": other.id})
    facts = (("label.turn", Text(f"turn.{turn.turn}")), ("label.since", Text("verbatim", {"text": f"{other.opened:%d %b %H:%M} UTC"})))
    buttons = (("button.status", {"do": "status"}),)
    ctx.notify(NoticeView(Text("notice.running_kicker"), title, _where(ctx, other), facts=facts, buttons=buttons))


def _where(ctx: ChatContext, other: Run) -> Text:
    """Where the run's newest card is. Webex documents no link to a space: it is named, to who is in it."""
    room = other.origin.room
    title = ""
    if room != ctx.room and not other.origin.direct:
        try:
            title = ctx.services.webex.room_title(room) if ctx.services.webex.membership(room, ctx.person.id) else ""
        except WebexAnswerError:  # the bot is not in that space any more
            title = ""
    return Text("notice.running_words_space", {"space": title}) if title else Text("notice.running_words")


def _known(ctx: ChatContext, mailbox: str) -> dict[str, str]:
    """What an earlier run of the channel was told, so that nobody types it twice; nothing where the channel is not known to this person."""
    record = ctx.services.channels.record(mailbox) if mailbox and mailbox in permissions.visible_channels(ctx) else None
    if record is None:
        return {}
    channel = record.channel
    known = {"callback_url": channel.callback_url, "forwarding_address": channel.forwarding_address, "profile": str(channel.profile)}
    return known | {"lifetime": str(channel.lifetime_months), "keep_copy": "yes" if channel.keep_copy else "no"}


COMMAND = Command("setup-email", "setup", run, "ADDRESS")
