"""Number of the layout of the data in Redis, which each process compares with its own."""

from __future__ import annotations

from redis import Redis

from jobs.storage import codec, keys

LAYOUT = 1
"""Layout of this version's data. The first start writes the number."""


def ensure(redis: Redis) -> str:
    """Write the number if there is none, and return why the data cannot be used (:func:`problem`).

    Raises:
        redis.RedisError: Redis is unreachable.
    """
    redis.set(keys.schema(), LAYOUT, nx=True)
    return problem(redis)


def problem(redis: Redis) -> str:
    """Return why this version cannot use the data, or an empty string.

    Raises:
        redis.RedisError: Redis is unreachable.
    """
    raw = redis.get(keys.schema())
    text = codec.as_bytes(raw).decode(errors="replace") if raw is not None else str(LAYOUT)
    if text == str(LAYOUT):
        return ""
    if not text.isdecimal():
        return (
            f"The key {keys.schema()} in Redis holds {text!r}, which is no layout of this bot's data:"
            " use another REDIS_PREFIX."
        )
    return (
        f"The data in Redis has layout {text}, and this version reads layout {LAYOUT}:"
        " start the version that wrote it, or use another REDIS_URL or REDIS_PREFIX."
    )
