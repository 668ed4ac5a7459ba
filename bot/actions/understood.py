"""Button that runs the command that a person has probably meant."""

from __future__ import annotations

from bot.chat.context import ChatContext
from bot.chat.parsing import argument_of
from bot.commands import commands
from jobs.model import Text


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


ACTIONS = {"run_command": run_command}
