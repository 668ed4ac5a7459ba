"""The slash commands, one module each, found by themselves: the registry, ``/help`` and the list of who may what come from here."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from bot.chat.context import ChatContext

GROUPS = ("setup", "trouble", "runs", "more")


def everybody(_talk: ChatContext) -> bool:
    """Whomever the bot serves."""
    return True


@dataclass(frozen=True, slots=True)
class Command:
    """A command as a value. Its text is ``command.NAME`` in the catalogue; ``argument`` is how help writes it.

    ``may`` says whether somebody may run it at all: help leaves out what they may not, and the command itself refuses it.
    """

    name: str
    group: str
    run: Callable[[ChatContext, str], None]
    argument: str = ""
    may: Callable[[ChatContext], bool] = everybody


@cache
def commands() -> dict[str, Command]:
    """Every command by its name, in help's order."""
    modules = [importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
    found = [module.COMMAND for module in modules]
    return {
        command.name: command
        for command in sorted(found, key=lambda each: (GROUPS.index(each.group), each.name != "setup-email", each.name))
    }
