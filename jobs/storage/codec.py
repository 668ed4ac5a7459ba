"""JSON in and out of Redis, for every dataclass of the product."""

from __future__ import annotations

from typing import TypeVar

import msgspec

T = TypeVar("T")


def dump(value: object) -> bytes:
    """The value as JSON."""
    return msgspec.json.encode(value)


def load(data: bytes | str, kind: type[T]) -> T:
    """The value read back, checked against its type; unknown keys are ignored, so an older worker reads a newer run.

    Raises:
        msgspec.ValidationError: the data is not of that kind.
    """
    return msgspec.json.decode(data, type=kind)
