"""Actions of the card buttons.

Every module in this package has a mapping ``ACTIONS`` from a button's verb to a function.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache

from bot.chat.context import ChatContext

Action = Callable[[ChatContext, dict[str, str]], None]


@cache
def actions() -> dict[str, Action]:
    modules = [
        importlib.import_module(f"{__name__}.{found.name}")
        for found in pkgutil.iter_modules(__path__)
    ]
    return {
        verb: action
        for module in modules
        for verb, action in getattr(module, "ACTIONS", {}).items()
    }
