"""Values of a cloud's JSON, whatever shape it really has: each function takes anything, and none raises."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def parsed(text: str | bytes) -> Any:
    """Return the value of a JSON text; None where the text is no JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def as_dict(value: object) -> dict[str, Any]:
    """Return the object itself; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def dicts_in(value: object) -> list[dict[str, Any]]:
    """Return the objects of a list; nothing for anything but a list."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def with_low_keys(value: object) -> dict[str, Any]:
    """Return an object with its keys in lower case; an empty one for anything else."""
    return {str(key).lower(): found for key, found in as_dict(value).items()}


def text_of(row: Mapping[str, Any], *names: str) -> str:
    """Return the first of these values that is not empty, as text; the empty string if there is none."""
    return str(next(filter(None, map(row.get, names)), ""))


def low_text_of(row: Mapping[str, Any], *names: str) -> str:
    """Return the same text in lower case."""
    return text_of(row, *names).lower()


def is_filled_text(value: object) -> bool:
    """Tell whether a value is a text, and not an empty one."""
    return isinstance(value, str) and bool(value)
