"""Command /adopt: find a channel that was made by hand, and keep it in this space."""

from __future__ import annotations

from adaptive_cards.cards.notice import NoticeView
from bot.chat.addresses import read_mailbox
from bot.chat.context import ChatContext
from bot.chat.permissions import visible_channels
from bot.commands import Command, check
from bot.commands.setup_email import already, space_of
from jobs.clock import now
from jobs.model import Text
from jobs.runs.channel_index import Record


def run(ctx: ChatContext, argument: str) -> None:
    """Open a check that keeps the channel once it is found; nothing changes in the tenant."""
    mailbox = read_mailbox(ctx, "adopt", argument)
    if not mailbox:
        return
    record = ctx.services.channels.record(mailbox)
    if record is None:
        check.discover(ctx, mailbox, keep=True)
    elif mailbox in visible_channels(ctx):
        already(ctx, mailbox, record)
    else:
        elsewhere(ctx, mailbox, record)


def elsewhere(ctx: ChatContext, mailbox: str, record: Record) -> None:
    """Say that another space has this channel; a member of that space sees its name."""
    space = space_of(ctx, ctx.services.store.load(record.run))
    words = (
        Text("notice.elsewhere_words_space", {"space": space})
        if space
        else Text("notice.elsewhere_words")
    )
    title = Text("notice.elsewhere_title", {"mailbox": mailbox})
    ctx.notify(NoticeView(Text("notice.adopt_kicker"), title, words, at=now()))


COMMAND = Command("adopt", "setup", run, "ADDRESS")
