"""The buttons of the verdict and of the channel list."""

from __future__ import annotations

from bot.chat import permissions
from bot.chat.context import ChatContext
from bot.commands import check, fix, tac
from jobs.model import Text


def check_again(ctx: ChatContext, inputs: dict[str, str]) -> None:
    """As if ``/check`` had been typed."""
    check.run(ctx, inputs.get("channel", ""))


def start_fix(ctx: ChatContext, inputs: dict[str, str]) -> None:
    """As if ``/fix`` had been typed."""
    fix.run(ctx, inputs.get("channel", ""))


def open_tac(ctx: ChatContext, inputs: dict[str, str]) -> None:
    """As if ``/tac`` had been typed: the way on where a check does not help."""
    tac.run(ctx, inputs.get("channel", ""))


def connect_test(ctx: ChatContext, inputs: dict[str, str]) -> None:
    """A check that sends one mail through Webex Connect, to the person who asks for it; pressed, and never done by itself."""
    mailbox = inputs.get("channel", "")
    if mailbox not in permissions.visible_channels(ctx):
        ctx.refuse(Text("notice.unknown_channel_words"), title="refused.nothing")
    elif ctx.person.email.lower() == mailbox:
        ctx.refuse(Text("refused.to_itself"), title="refused.nothing")
    else:
        check.begin(ctx, mailbox, test_recipient=ctx.person.email)


ACTIONS = {"check": check_again, "fix": start_fix, "missing": open_tac, "connect_test": connect_test}
