"""JSON encoding for Redis, for every dataclass of the product."""

from __future__ import annotations

from typing import TypeVar

import msgspec

T = TypeVar("T")


def dump(value: object) -> bytes:
    return msgspec.json.encode(value)


def load(data: bytes | str, kind: type[T]) -> T:
    """Return the decoded value, checked against its type.

    Unknown keys are ignored, so an older worker can read a newer run.

    Raises:
        msgspec.ValidationError: when the data does not match the type.
    """
    return msgspec.json.decode(data, type=kind)


def as_bytes(raw: bytes | str) -> bytes:
    """Return an answer of Redis as bytes, because redis-py's types leave the type open."""
    return raw if isinstance(raw, bytes) else raw.encode()


def as_text(raw: object) -> str:
    """Return an answer of Redis as text, because redis-py's types leave the type open.

    A missing value becomes an empty text.
    """
    return (
        raw.decode(errors="replace") if isinstance(raw, bytes) else str("" if raw is None else raw)
    )
