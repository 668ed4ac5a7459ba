"""Catalog of every text that people read in Webex or on the bot's pages, by key.

The texts are in the ``*.toml`` files of this folder.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jobs.model import Text

_NESTED = "key:"
_VERBATIM = "verbatim"


def render(words: Text) -> str:
    """Return the text of ``words`` with its values filled in.

    A value ``key:...`` that names a text is looked up.

    Raises:
        KeyError: The key is unknown, or a value is missing.
    """
    if words.key == _VERBATIM:
        return words.values["text"]
    return _catalogue()[words.key].format_map(
        {name: _value(value) for name, value in words.values.items()}
    )


def render_if_any(words: Text | None) -> str:
    """Return the text of ``words``; the empty string where there are none."""
    return render(words) if words else ""


def text(key: str, **values: str) -> str:
    """Return the text for a key and its values (see :func:`render`)."""
    return render(Text(key, values))


def plural(key: str, count: int, **values: str) -> str:
    """Return the text ``key.one`` or ``key.many``, which may contain ``{count}``."""
    return text(f"{key}.one" if count == 1 else f"{key}.many", count=str(count), **values)


def remedy_within(cause: str) -> str:
    """Return the key of the remedy for a cause while a run that fixes it is in progress.

    It may differ from the usual remedy, "Run /fix".
    """
    return f"remedy_within.{cause}" if has_text(f"remedy_within.{cause}") else f"remedy.{cause}"


def has_text(key: str) -> bool:
    """Return whether the catalog contains the key."""
    return key in _catalogue()


def keys() -> frozenset[str]:
    """Return all keys, with table names joined by dots."""
    return frozenset(_catalogue())


def _value(value: str) -> str:
    # Typed text may begin with "key:" too, so only known keys are looked up.
    key = value.removeprefix(_NESTED)
    return _catalogue()[key] if value.startswith(_NESTED) and has_text(key) else value


@cache
def _catalogue() -> Mapping[str, str]:
    """Return all files of the folder as one mapping; a key in two files is an error."""
    found: dict[str, str] = {}
    for path in sorted(Path(__file__).parent.glob("*.toml")):
        flat = _flat("", tomllib.loads(path.read_text(encoding="utf-8")))
        if twice := found.keys() & {key for key, _ in flat}:
            raise ValueError(f"{path.name}: {sorted(twice)} stand in another file, too")
        found.update(flat)
    return found


def _flat(prefix: str, table: dict[str, Any]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in table.items():
        found += (
            _flat(f"{prefix}{name}.", value)
            if isinstance(value, dict)
            else [(f"{prefix}{name}", value)]
        )
    return found
