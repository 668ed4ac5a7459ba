"""Commands /setup-email and /adopt: connect a mailbox, or keep a channel that was made by hand."""

from __future__ import annotations

from adaptive_cards.cards.notice import Offer, offer
from adaptive_cards.components import WELL
from adaptive_cards.texts import has_text
from bot.cards import delivery, living
from bot.cards.presenters import questions
from bot.cards.presenters.card_state import LIVING, was_posted
from bot.chat import permissions
from bot.chat.audience import note_absent
from bot.chat.context import ChatContext
from bot.chat.parsing import read_mailbox
from bot.commands import Command, check
from bot.webex.client import WebexAnswerError
from jobs.clock import now
from jobs.model import Channel, RunKind, Text, day_of, minute_of
from jobs.runs.channel_index import AlreadyRunningError
from jobs.runs.run import Brief, Event, Kind, Run

_COMMANDS = {RunKind.SETUP: "setup-email", RunKind.FIX: "fix", RunKind.UNDO: "undo"}


def run(ctx: ChatContext, argument: str) -> None:
    if not argument:
        begin(ctx, "")
        return
    mailbox = read_mailbox(ctx, "setup-email", argument)
    if mailbox:
        setup(ctx, mailbox)


def setup(ctx: ChatContext, mailbox: str) -> None:
    if ctx.services.channels.running(mailbox) or not tell_if_connected(ctx, mailbox):
        begin(ctx, mailbox)


def inspect_again(ctx: ChatContext, mailbox: str) -> None:
    # If the channel is not known here, none of its data is used, and a new setup begins.
    record = permissions.visible_record(ctx, mailbox)
    if record is None:
        begin(ctx, mailbox)
        return
    begin_known(ctx, record.channel, RunKind.SETUP)


def begin_known(
    ctx: ChatContext, channel: Channel, kind: RunKind, *events: Event, brief: Brief | None = None
) -> None:
    """Open a run of a channel whose details are known, and let a worker continue it.

    ``brief`` holds further input for the run. The same message or press opens only one run, however
    often it is delivered.
    """
    try:
        opened = ctx.services.store.open(channel, ctx.asker, ctx.origin, kind, brief)
    except AlreadyRunningError as busy:
        opened = ctx.services.store.load(busy.run)
        if opened.origin.message != ctx.request:
            point_to(ctx, opened)
            return
        if opened.detailed:
            ctx.services.record(opened.id)
            return
    details = Event(Kind.DETAILS, now(), by=ctx.person.email, channel=channel)
    ctx.services.record(opened.id, details, *events, *note_absent(ctx))


def begin(ctx: ChatContext, mailbox: str) -> None:
    # The same message or press opens only one run, however often it is delivered.
    opened = _opened(ctx, mailbox)
    if opened is not None:
        questions.keep_typed(ctx.services, opened.id, questions.TypedInputs(_known(ctx, mailbox)))
        first = questions.intake_card(opened, ctx.services)
        posted = ctx.say(first.card, shows=(opened.id, LIVING))
        if posted.id:
            delivery.mark_posted(ctx.services, opened.id, posted.id, ctx.room)


def _opened(ctx: ChatContext, mailbox: str) -> Run | None:
    """Return the run whose first card is to be shown.

    If a run is already in progress, refer to it and return None. If Webex never accepted the first
    card, a person who asks again in the same space gets that card. From another space, the earlier
    run is canceled and a new one begins there.
    """
    try:
        return ctx.services.store.open(Channel(mailbox), ctx.asker, ctx.origin)
    except AlreadyRunningError as busy:
        other = ctx.services.store.load(busy.run)
    same_message = other.origin.message == ctx.request
    own = other.requester.id == ctx.person.id and other.kind is RunKind.SETUP
    unseen = own and not was_posted(ctx.services, other.id, LIVING)
    if other.detailed or not (same_message or unseen):
        point_to(ctx, other)
        return None
    if same_message or other.origin.room == ctx.room:
        return other
    ctx.services.store.end(other, Event(Kind.CANCELLED, now(), by=ctx.person.email))
    return _opened(ctx, mailbox)


def tell_if_connected(ctx: ChatContext, mailbox: str) -> bool:
    # To everybody else, a connected mailbox is like any other.
    record = ctx.services.channels.record(mailbox)
    if record is None:
        return False
    try:
        run: Run | None = ctx.services.store.load(record.run)
    except LookupError:  # an operator may delete a run's history
        run = None
    if mailbox in permissions.visible_channels(ctx):
        # no mail has proven a channel here that was made by hand and kept
        key = "notice.done_words_kept" if run and run.kept else "notice.done_words"
        words = Text(key, {"day": day_of(record.at), "run": record.run})
        buttons = tuple(
            (f"button.{do}", {"do": do, "mailbox_meant": mailbox})
            for do in ("setup_again", "setup_change")
        )
        kicker, title = Text("notice.done_kicker"), Text("notice.done_title", {"mailbox": mailbox})
        ctx.tell(kicker, title, words, WELL, buttons=buttons)
    elif run and (space := _space_of(ctx, run)):
        elsewhere(ctx, mailbox, space)
    else:
        return False
    return True


def elsewhere(ctx: ChatContext, mailbox: str, space: str = "") -> None:
    words = Text("notice.elsewhere_words")
    if space:
        words = Text("notice.elsewhere_words_space", {"space": space})
    title = Text("notice.elsewhere_title", {"mailbox": mailbox})
    ctx.tell(Text("notice.done_kicker"), title, words)


def point_to(ctx: ChatContext, other: Run) -> None:
    """Refer to the run that is already in progress.

    The card names the run, its kind and its place. In the run's own space, one press has it look
    again and posts its card here. A person who may cancel the run can begin again with one press.
    The card is edited when the run ends. To a person who may not know the run, it only says that
    the mailbox cannot be set up now.
    """
    space, here = _space_of(ctx, other), other.origin.room == ctx.room
    is_known_here = (
        here
        or other.requester.id == ctx.person.id
        or other.channel.mailbox in permissions.visible_channels(ctx)
    )
    if not (space or is_known_here):
        busy = Text("notice.busy_title", {"mailbox": other.channel.mailbox})
        ctx.tell(Text("notice.running_kicker"), busy, Text("notice.busy_words"))
        return
    of_kind = f"notice.running_title_{other.kind}"
    values = {"mailbox": other.channel.mailbox, "run": other.id}
    title = Text(of_kind if has_text(of_kind) else "notice.running_title", values)
    offers = [Offer(Text("button.go_on"), {"do": "go_on", "run": other.id})] if here else []
    policy = permissions.AccessPolicy(ctx.services.bot, ctx.services.webex)
    try:
        may_cancel = policy.may_cancel(ctx.person, other)
    except WebexAnswerError:  # the bot is no longer in the run's space
        may_cancel = False
    if may_cancel:
        again = {"do": "begin_again", "run": other.id, "command": _COMMANDS[other.kind]}
        offers.append(Offer(Text("button.begin_again"), again))
    # Webex documents no link to a space, so the space is named.
    where = Text("notice.running_words_here" if here else "notice.running_words")
    if space:
        where = Text("notice.running_words_space", {"space": space})
    lines = (where, Text("notice.running_since", {"at": minute_of(other.opened)}))
    kicker = Text("notice.running_kicker")
    card = offer(kicker, title, tuple(offers), now(), lines=lines)
    living.post_choice(ctx, card, [other])


def _space_of(ctx: ChatContext, other: Run) -> str:
    # The title is empty for a person who is not a member of that space.
    room = other.origin.room
    if room == ctx.room or other.origin.direct:
        return ""
    try:
        member = ctx.services.webex.membership(room, ctx.person.id)
        return ctx.services.webex.room_title(room) if member else ""
    except WebexAnswerError:  # the bot is no longer in that space
        return ""


def _known(ctx: ChatContext, mailbox: str) -> dict[str, str]:
    # Of a channel that this person may not see, nothing is known.
    runs = ctx.services.store.runs_in_space(ctx.room)
    asked = [each for run in runs if (each := run.answer("administrator"))]
    last = {"administrator": asked[0]} if asked else {}
    record = permissions.visible_record(ctx, mailbox)
    if record is None:
        return last
    channel = record.channel
    return last | {
        "callback_url": channel.callback_url,
        "forwarding_address": channel.forwarding_address,
        "delegate": channel.delegate,
        "profile": str(channel.profile),
        "lifetime": str(channel.lifetime_months),
        "keep_copy": "yes" if channel.keep_copy else "no",
    }


def adopt(ctx: ChatContext, argument: str) -> None:
    """Open a check that keeps the channel once it is found; nothing changes in the tenant."""
    mailbox = read_mailbox(ctx, "adopt", argument)
    if mailbox and not tell_if_connected(ctx, mailbox):
        check.discover(ctx, mailbox, keep=True)


COMMAND = Command("setup-email", "setup", run, "ADDRESS")
OTHER_COMMANDS = (Command("adopt", "setup", adopt, "ADDRESS"),)
