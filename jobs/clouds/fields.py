"""Fields of the JSON objects that clouds answer with, where one may be missing or null."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Row = Mapping[str, Any]


def text_of(row: Row | None, name: str) -> str:
    """Return the field as text; empty if it, or the object, is missing or null."""
    return str((row or {}).get(name) or "")


def lower_of(row: Row | None, name: str) -> str:
    """Return the field as text in lower case, as names and ids are compared."""
    return text_of(row, name).lower()


def part_of(row: Row | None, name: str) -> dict[str, Any]:
    """Return the object in the field; an empty one if it is missing or null."""
    return (row or {}).get(name) or {}


def lower_set(values: object) -> set[str]:
    """Return the texts of a list in lower case; nothing if it is no list."""
    return {str(value).lower() for value in values} if isinstance(values, list) else set()
