"""How a value stands in a command that a person may paste into Exchange Online PowerShell."""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[\w.][\w.:+@-]*")
_QUOTES = re.compile("['\u2018\u2019\u201a\u201b]")
"""PowerShell ends a text in single quotes at any of these; two of them in a row stand for one."""


def quoted(value: str) -> str:
    """As it is where nothing in it means anything to PowerShell, else in single quotes."""
    return value if _PLAIN.fullmatch(value) else f"'{_QUOTES.sub(lambda found: found.group() * 2, value)}'"
