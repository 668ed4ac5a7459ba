"""Command /channels: the channels of this space with their states, and buttons for each."""

from __future__ import annotations

from bot.chat.context import ChatContext
from bot.commands import Command, check


def run(ctx: ChatContext, _argument: str) -> None:
    """List the channels of the space, or in a 1:1 those of the person.

    ``/check`` without an address lists the channels too, but only to check them.
    """
    check.listed(ctx, every=True)


COMMAND = Command("channels", "trouble", run)
