"""Records of the watch in Redis: how they are read, and changed in a transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from redis import Redis
from redis.client import Pipeline

from jobs.storage import codec
from jobs.storage.vault import Authenticator, Context

T = TypeVar("T")


def verified(
    authenticator: Authenticator, context: Context, raw: object, kind: type[T]
) -> T | None:
    """Return the record; None if it is missing, or this bot did not write it.

    Raises:
        msgspec.ValidationError: The record does not match the type.
    """
    known = authenticator.verify(context, raw)
    return codec.load(known, kind) if known is not None else None


def all_named(
    redis: Redis,
    names: Sequence[str],
    key: Callable[[str], str],
    read: Callable[[str, object], T | None],
) -> tuple[T, ...]:
    """Return the records with these names, in this order.

    A name whose record cannot be read is left out. ``key`` returns the Redis key of a name, and
    ``read`` the record from a name and its bytes, or None.
    """
    if not names:
        return ()
    rows: list[Any] = redis.mget([key(name) for name in names])
    return tuple(
        found
        for name, raw in zip(names, rows, strict=True)
        if (found := read(name, raw)) is not None
    )


def in_transaction(redis: Redis, attempt: Callable[[Pipeline], T], *keys: str) -> T:
    """Run a transaction that watches these keys, and return the result of its last attempt.

    ``attempt`` reads before ``pipe.multi()`` and writes after it. The attempt is made again if
    another client changes one of the keys meanwhile.
    """
    transaction: Any = redis.transaction  # redis-py's types leave the result open
    result: T = transaction(attempt, *keys, value_from_callable=True)
    return result


def decoded(raw: object, kind: type[T]) -> T | None:
    """Return a value that has no MAC; None if it is missing or not readable."""
    if not isinstance(raw, bytes):
        return None
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.MsgspecError:
        return None
