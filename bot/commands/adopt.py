"""Command /adopt: find a channel that was made by hand, and keep it in this space."""

from __future__ import annotations

from bot.chat.context import ChatContext
from bot.chat.parsing import read_mailbox
from bot.commands import Command, check
from bot.commands.setup_email import tell_if_connected


def run(ctx: ChatContext, argument: str) -> None:
    """Open a check that keeps the channel once it is found; nothing changes in the tenant."""
    mailbox = read_mailbox(ctx, "adopt", argument)
    if mailbox and not tell_if_connected(ctx, mailbox):
        check.discover(ctx, mailbox, keep=True)


COMMAND = Command("adopt", "setup", run, "ADDRESS")
