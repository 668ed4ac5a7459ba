"""Buttons that do the same as a typed command."""

from __future__ import annotations

from bot.chat.context import ChatContext
from bot.chat.parsing import argument_of
from bot.commands import check, commands, fix, language, tac
from jobs.model import Text


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


def run_command(ctx: ChatContext, inputs: dict[str, str]) -> None:
    """Run the command with the argument, as if the person who pressed had typed both.

    The data of the button is trusted no more than typed text. The argument is cleaned in the same
    way, and the command itself checks whether the person may use it.
    """
    command = commands().get(inputs.get("command", ""))
    if command is None:  # none of the bot's own cards sends this
        ctx.refuse(Text("refused.old"), title="refused.nothing")
        return
    command.run(ctx, argument_of(inputs.get("argument", "")))


def _choose(ctx: ChatContext, inputs: dict[str, str]) -> None:
    language.choose(ctx, inputs.get("language", ""))


ACTIONS = {
    "check": check_again,
    "fix": start_fix,
    "missing": open_tac,
    "run_command": run_command,
    "language": _choose,
}
