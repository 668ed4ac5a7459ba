"""JSON encoding for Redis, for every dataclass of the product."""

from typing import TypeVar

import msgspec

T = TypeVar("T")


def dump(value: object) -> bytes:
    return msgspec.json.encode(value)


def load(data: bytes | str, kind: type[T]) -> T:
    """Return the decoded value; unknown keys are ignored, so an older worker reads a newer run.

    Raises:
        msgspec.ValidationError: when the data does not match the type.
    """
    return msgspec.json.decode(data, type=kind)


def as_bytes(raw: bytes | str) -> bytes:
    return raw if isinstance(raw, bytes) else raw.encode()


def as_text(raw: object) -> str:
    """Return an answer of Redis, whose type redis-py leaves open, as text; empty if missing."""
    return (
        raw.decode(errors="replace") if isinstance(raw, bytes) else str("" if raw is None else raw)
    )
