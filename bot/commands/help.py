"""/help: what the bot does here, built from the registry."""

from __future__ import annotations

from adaptive_cards import help_card
from adaptive_cards.views import HelpEntry, HelpView
from bot import commands
from bot.commands import Command
from bot.talk import Talk


def run(talk: Talk, _argument: str) -> None:
    """Show every command."""
    show(talk)


def show(talk: Talk, *, typed: str = "", nearest: str = "") -> None:
    """Show every command; after an unknown one, with the nearest known one first."""
    entries = tuple(HelpEntry(each.name, each.argument, each.group) for each in commands.commands().values())
    talk.say(help_card(HelpView(entries, direct=talk.direct, nearest=nearest and f"/{nearest}", typed=typed and f"/{typed}")))


COMMAND = Command("help", "more", run)
