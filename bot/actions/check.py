"""Buttons of the verdict card and of the channel list."""

from __future__ import annotations

from bot.chat import offers, permissions
from bot.chat.context import ChatContext
from bot.commands import check, fix, tac
from jobs.model import Text


def check_again(ctx: ChatContext, inputs: dict[str, str]) -> None:
    """Do the same as the typed command ``/check``, but always for exactly the button's address."""
    channel = inputs.get("channel", "")
    if channel in {"", "all"}:
        check.run(ctx, channel)
    else:
        check.exactly(ctx, channel)


def start_fix(ctx: ChatContext, inputs: dict[str, str]) -> None:
    """Do the same as the typed command ``/fix``."""
    fix.run(ctx, inputs.get("channel", ""))


def open_tac(ctx: ChatContext, inputs: dict[str, str]) -> None:
    """Do the same as the typed command ``/tac``, which is the next step if a check is no help."""
    tac.run(ctx, inputs.get("channel", ""))


def connect_test(ctx: ChatContext, inputs: dict[str, str]) -> None:
    """Begin a check that sends one mail through Webex Connect to the person who pressed the button.

    This check runs only on request, never automatically.
    """
    mailbox = inputs.get("channel", "")
    if mailbox not in permissions.visible_channels(ctx):
        ctx.refuse(offers.unknown_words(ctx), title="refused.nothing")
    elif ctx.person.email.lower() == mailbox:
        ctx.refuse(Text("refused.to_itself"), title="refused.nothing")
    else:
        check.begin(ctx, mailbox, test_recipient=ctx.person.email)


ACTIONS = {
    "check": check_again,
    "fix": start_fix,
    "missing": open_tac,
    "connect_test": connect_test,
}
