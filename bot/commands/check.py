"""Commands /check and /channels: what is broken, who can fix it, and how."""

from contextlib import suppress

from adaptive_cards.answers import Button, offer
from bot.cards import delivery
from bot.cards.living import with_doubts
from bot.cards.presenters.card_state import LIVING
from bot.cards.presenters.lists import channels, line_of
from bot.chat import offers
from bot.chat.context import ChatContext
from bot.chat.parsing import lone_address
from bot.chat.permissions import visible_channels
from bot.commands import Command, typed_words
from jobs.checks import check
from jobs.clock import now
from jobs.model import Channel, RunKind, Text
from jobs.runs.run import Brief, Kind, Run, RunEndedError
from jobs.storage import codec, keys
from jobs.watch.store import assessments

BULK_CHECK_S = 3600
"""Seconds after which a new bulk check may begin although the earlier one has not ended."""


def run(ctx: ChatContext, argument: str) -> None:
    first, _, rest = argument.partition(" ")
    is_all = first.lower() in typed_words("all")
    if not argument or (is_all and not rest and not visible_channels(ctx)):
        listed(ctx)
    elif is_all and not rest:
        everything(ctx)
    elif is_all and (mailbox := lone_address(rest)):
        all_of_them = ("button.check_all", {"do": "check", "channel": "all"})
        offered = (offers.check_exactly(mailbox), all_of_them)
        title = Text("understood.all_or_one", {"mailbox": mailbox})
        ask(ctx, title, offered, "understood.check_turn")
    else:
        one(ctx, argument)


def ask(ctx: ChatContext, title: Text, offered: tuple[Button, ...], turn: str) -> None:
    ctx.say(offer(Text("notice.check_kicker"), title, offered, now(), turn=Text(turn)))


def one(ctx: ChatContext, argument: str, *, exactly: bool = False) -> None:
    """Check a mailbox, or offer a channel of nearly its address unless it is ``exactly`` meant.

    A channel that is not known here is found first, with an administrator's sign-in.
    """
    mailbox = offers.read_mailbox(ctx, "check", argument)
    if near := "" if exactly else offers.nearest_channel(ctx, mailbox):
        offered = (offers.of_channel("check", near), offers.check_exactly(mailbox))
        title = Text("understood.meant", {"meant": near})
        ask(ctx, title, offered, "understood.meant_check_turn")
        return
    for run in ctx.services.store.known([ctx.services.channels.running(mailbox)]):
        # a setup or fix that goes on in this space and can read settings is looked at again
        is_here = run.account is not None and run.origin.room == ctx.room
        if is_here and run.kind in {RunKind.SETUP, RunKind.FIX}:
            with suppress(RunEndedError):
                go_on(ctx, run)
                return
    (begin if mailbox in visible_channels(ctx) else discover)(ctx, mailbox)


def go_on(ctx: ChatContext, run: Run) -> None:
    """Have the run read its settings again, and show its card in this thread from now on.

    Raises:
        RunEndedError: the run has ended meanwhile.
    """
    if ctx.request not in run.requests:
        looks = ctx.event(Kind.LOOK_AGAIN, origin=ctx.origin, request=ctx.request)
        ctx.services.store.append(run.id, looks)
    delivery.repost(ctx.services, run.id, LIVING)
    ctx.services.carry_on(run.id)


def discover(ctx: ChatContext, mailbox: str, *, keep: bool = False) -> None:
    """Open the check of a mailbox whose channel is not known here, and show that it has begun.

    The check uses no data of the channel, even if the channel is known in another space. ``keep``
    records the channel once it is found.
    """
    _open(ctx, Channel(mailbox), Brief(by_hand=True, discover=True, keep=keep))


def begin(ctx: ChatContext, mailbox: str) -> None:
    channel = ctx.services.channels.channel(mailbox)
    _open(ctx, channel, check.brief_for(ctx.services.store, mailbox))


def _open(ctx: ChatContext, channel: Channel, brief: Brief, kind: RunKind = RunKind.CHECK) -> str:
    opened = ctx.services.store.open(channel, ctx.asker, ctx.origin, kind, brief)
    ctx.services.carry_on(opened.id)
    return opened.id


def everything(ctx: ChatContext) -> None:
    # Only one bulk check runs in a space at a time. If one is under way, its card is posted again.
    store, key = ctx.services.store, keys.space_bulk_check(ctx.room)
    before = next(store.known([codec.as_text(ctx.services.redis.get(key))]), None)
    if before and not (before.checked or before.ended):
        delivery.repost(ctx.services, before.id, "channels")
        ctx.services.cards.request(before.id)
        return
    brief = Brief(mailboxes=visible_channels(ctx))
    opened = _open(ctx, Channel(""), brief, RunKind.BULK_CHECK)
    ctx.services.redis.set(key, opened, ex=BULK_CHECK_S)


def listed(ctx: ChatContext, *, every: bool = False) -> None:
    """List the channels of this space; with ``every`` the card offers more commands than /check."""
    runs = ctx.services.store.runs_in_space(ctx.room)
    found = assessments(ctx.services.store, visible_channels(ctx), runs)
    lines = (line_of(*each) for each in found.items())
    ctx.say(with_doubts(channels(lines, now(), direct=ctx.direct, every=every), runs))


COMMAND = Command("check", "trouble", "ADDRESS", run=run)
OTHER_COMMANDS = (Command("channels", "trouble", run=lambda ctx, _: listed(ctx, every=True)),)
