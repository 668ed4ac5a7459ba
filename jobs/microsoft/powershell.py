"""Quoting of values in commands that a person may paste into Exchange Online PowerShell."""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[\w.][\w.:+@-]*")
_QUOTES = re.compile("['\u2018\u2019\u201a\u201b]")
"""Characters that end a single-quoted string in PowerShell. Doubling one escapes it."""


def quoted(value: str) -> str:
    """Return the value unchanged if PowerShell reads it literally, otherwise in single quotes."""
    return (
        value
        if _PLAIN.fullmatch(value)
        else f"'{_QUOTES.sub(lambda found: found.group() * 2, value)}'"
    )
