"""Command /help: what the bot does here, built from the registry."""

from __future__ import annotations

from adaptive_cards import help_card
from adaptive_cards.cards.help import HelpEntry, HelpView
from bot import commands
from bot.chat.context import ChatContext
from bot.commands import Command


def run(ctx: ChatContext, _argument: str) -> None:
    """Show the commands that this person may run."""
    show(ctx)


def show(ctx: ChatContext, *, typed: str = "", nearest: str = "") -> None:
    """Show the commands that this person may run; after an unknown command, the nearest one first."""
    every = commands.commands().values()
    entries = tuple(
        HelpEntry(each.name, each.argument, each.group) for each in every if each.may(ctx)
    )
    told = {"nearest": nearest and f"/{nearest}", "typed": typed and f"/{typed}"}
    ctx.say(
        help_card(
            HelpView(
                entries,
                direct=ctx.direct,
                left_out=len(entries) < len(every),
                bot=ctx.services.me.display_name,
                **told,
            )
        )
    )


COMMAND = Command("help", "more", run)
