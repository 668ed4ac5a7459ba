"""Slash commands, which are discovered automatically.

The registry, ``/help`` and the permission checks are based on them. A module has one ``COMMAND``,
and may have ``OTHER_COMMANDS``.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from adaptive_cards.locale import languages
from adaptive_cards.texts import own_text
from bot.chat.context import ChatContext

GROUPS = ("setup", "trouble", "runs", "more")


@dataclass(frozen=True, slots=True)
class Command:
    """Slash command with its name, its group in the help, and its function.

    The text of a command is ``command.NAME`` in the catalog. ``argument`` is the argument as help
    shows it. ``may`` returns whether a person may run the command at all. Help omits the commands
    that a person may not run, and the command itself refuses them.
    """

    name: str
    group: str
    run: Callable[[ChatContext, str], None]
    argument: str = ""
    may: Callable[[ChatContext], bool] = lambda _: True


@cache
def by_typed_name() -> dict[str, Command]:
    """Return every command by each name under which it can be typed, in any language of the bot.

    The names of a language are the texts ``typed_as.NAME``, several separated by spaces.
    """
    found = commands()
    return {
        typed: command
        for name, command in found.items()
        for language in languages()
        for typed in (name, *own_text(f"typed_as.{name}", language).split())
    }


def typed_words(name: str) -> set[str]:
    """Return the words for an argument, such as ``all``, in any language of the bot."""
    every = (own_text(f"typed_argument.{name}", language) for language in languages())
    return {name, *every} - {""}


def language_of(typed: str, command: Command) -> str:
    key = f"typed_as.{command.name}"
    found = [each for each in languages() if typed in own_text(key, each).split()]
    return found[0] if typed != command.name and len(found) == 1 else ""


@cache
def commands() -> dict[str, Command]:
    modules = [
        importlib.import_module(f"{__name__}.{found.name}")
        for found in pkgutil.iter_modules(__path__)
    ]
    found: list[Command] = [
        each
        for module in modules
        for each in (module.COMMAND, *getattr(module, "OTHER_COMMANDS", ()))
    ]
    found.sort(key=lambda each: (GROUPS.index(each.group), each.name != "setup-email", each.name))
    return {command.name: command for command in found}
