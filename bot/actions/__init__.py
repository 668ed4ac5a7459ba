"""What card buttons do: every module here has ``ANSWERS``, from the button's verb to a function."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache

from bot.chat.context import Talk

Answer = Callable[[Talk, dict[str, str]], None]


@cache
def answers() -> dict[str, Answer]:
    """Every verb."""
    modules = [importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
    return {verb: answer for module in modules for verb, answer in getattr(module, "ANSWERS", {}).items()}
