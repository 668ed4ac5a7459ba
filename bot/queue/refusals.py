"""Number of webhooks that were refused for a wrong signature, kept in Redis for a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from redis import Redis

from jobs.clock import now
from jobs.storage import codec, keys

KEPT_S = 24 * 3600
"""Seconds for which the number of refusals is kept after the last refusal."""


@dataclass(frozen=True, slots=True)
class Refusals:
    """Webhooks that were refused: how many, and when the first and the last of them came."""

    count: int
    first: datetime
    last: datetime


def add(redis: Redis, count: int) -> None:
    """Add ``count`` refused webhooks, and remember the time of the first and the last one."""
    key, moment = keys.webhooks_refused(), now().isoformat()
    with redis.pipeline() as pipe:
        pipe.hincrby(key, "count", count)
        pipe.hsetnx(key, "first", moment)
        pipe.hset(key, "last", moment)
        pipe.expire(key, KEPT_S)
        pipe.execute()


def read(redis: Redis) -> Refusals | None:
    """Return the refusals, or None if there was none for a day."""
    found = {
        codec.as_text(name): codec.as_text(value)
        for name, value in redis.hgetall(keys.webhooks_refused()).items()
    }
    if not found:
        return None
    times = (datetime.fromisoformat(found[name]) for name in ("first", "last"))
    return Refusals(int(found["count"]), *times)
