"""Buttons of the verdict card and of the channel list."""

from __future__ import annotations

from bot.chat.context import ChatContext
from bot.commands import check, fix, tac


def check_again(ctx: ChatContext, inputs: dict[str, str]) -> None:
    """Do the same as the typed command ``/check``, but always for exactly the button's address."""
    channel = inputs.get("channel", "")
    if channel in {"", "all"}:
        check.run(ctx, channel)
    else:
        check.exactly(ctx, channel)


def start_fix(ctx: ChatContext, inputs: dict[str, str]) -> None:
    fix.run(ctx, inputs.get("channel", ""))


def open_tac(ctx: ChatContext, inputs: dict[str, str]) -> None:
    tac.run(ctx, inputs.get("channel", ""))


ACTIONS = {
    "check": check_again,
    "fix": start_fix,
    "missing": open_tac,
}
