"""Command /channels: the channels of this space, each with its state and a button that checks it."""

from __future__ import annotations

from bot.chat.context import ChatContext
from bot.commands import Command, check


def run(ctx: ChatContext, _argument: str) -> None:
    """List the channels of the space, or in a 1:1 those of the person, as ``/check`` alone does."""
    check.listed(ctx)


COMMAND = Command("channels", "trouble", run)
