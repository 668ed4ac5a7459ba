"""Values of JSON of any shape: each function takes anything; what does not fit counts as empty."""

import json
from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]
Row = Mapping[str, Any]


def parsed(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def as_dict(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def dicts_in(value: object) -> list[Json]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def as_list(value: object) -> list[Any]:
    """Return a list of the values; a single one becomes a list of one, and None an empty one."""
    if isinstance(value, list | tuple):
        return list(value)
    return [] if value in (None, "") else [value]


def with_low_keys(value: object) -> Json:
    return {str(key).lower(): found for key, found in as_dict(value).items()}


def text_of(row: Row | None, *names: str) -> str:
    """Return the first of these fields that is not empty, as text; empty if there is none."""
    return str(next(filter(None, map((row or {}).get, names)), ""))


def lower_of(row: Row | None, *names: str) -> str:
    return text_of(row, *names).lower()


def part_of(row: Row | None, name: str) -> Json:
    return (row or {}).get(name) or {}


def lower_set(values: object) -> set[str]:
    return {str(value).lower() for value in values} if isinstance(values, list) else set()


def is_filled_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)
