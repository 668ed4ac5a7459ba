"""JSON encoding for Redis, for every dataclass of the product."""

from threading import Lock
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")
_DECODERS: dict[object, msgspec.json.Decoder[Any]] = {}
_PREPARING = Lock()  # msgspec 0.22 crashes if two threads prepare the same type at once


def dump(value: object) -> bytes:
    return msgspec.json.encode(value)


def load(data: bytes | str, kind: type[T]) -> T:
    """Return the decoded value; unknown keys are ignored, so an older worker reads a newer run.

    Raises:
        msgspec.ValidationError: when the data does not match the type.
    """
    with _PREPARING:
        if kind not in _DECODERS:
            _DECODERS[kind] = msgspec.json.Decoder(kind)
    found: T = _DECODERS[kind].decode(data)
    return found


def as_bytes(raw: bytes | str) -> bytes:
    return raw if isinstance(raw, bytes) else raw.encode()


def as_text(raw: object) -> str:
    """Return an answer of Redis, whose type redis-py leaves open, as text; empty if missing."""
    return (
        raw.decode(errors="replace") if isinstance(raw, bytes) else str("" if raw is None else raw)
    )
