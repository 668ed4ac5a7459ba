"""/help: what the bot does here, built from the registry."""

from __future__ import annotations

from adaptive_cards import help_card
from adaptive_cards.cards.help import HelpEntry, HelpView
from bot import commands
from bot.chat.context import Talk
from bot.commands import Command


def run(talk: Talk, _argument: str) -> None:
    """Show what this person may run."""
    show(talk)


def show(talk: Talk, *, typed: str = "", nearest: str = "") -> None:
    """Show what this person may run; after an unknown command, with the nearest known one first."""
    every = commands.commands().values()
    entries = tuple(HelpEntry(each.name, each.argument, each.group) for each in every if each.may(talk))
    told = {"nearest": nearest and f"/{nearest}", "typed": typed and f"/{typed}"}
    talk.say(help_card(HelpView(entries, direct=talk.direct, left_out=len(entries) < len(every), **told)))


COMMAND = Command("help", "more", run)
