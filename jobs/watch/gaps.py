"""Times in which a channel was not looked at, kept so that its space can be told.

A time without looks counts if it is longer than three intervals. It is kept in Redis until the
space was told. Channels of one space are told together, because the same gap usually concerns them
all.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from redis import Redis

from jobs.storage import codec, keys
from jobs.watch.model import ChannelState, WatchedChannel
from jobs.watch.watching import Watching

INTERVALS = 3
"""Number of intervals without a look after which the space is told about the gap."""
COLLECT = timedelta(seconds=90)
"""Time from the first gap of a space until the space is told about its gaps.

In this time the other groups look again, too.
"""
KEPT_S = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Gap:
    """Time without a look at the channel of a mailbox, from ``since`` to ``until``."""

    mailbox: str
    since: datetime
    until: datetime


def gap_of(watched: WatchedChannel, state: ChannelState, at: datetime) -> Gap | None:
    """Return the time without looks that ends at ``at``, or None if it is not too long.

    A pause, and the time before the watch began, do not count.
    """
    if watched.is_paused(at) or state.looked is None:
        return None
    since = max(filter(None, (state.looked, watched.paused_until, watched.since)))
    return Gap(watched.mailbox, since, at) if at - since > INTERVALS * watched.interval else None


def note(watching: Watching, group: str, at: datetime) -> int:
    """Keep the gaps of a group's channels that end now, and return the number of these gaps."""
    redis, noted = watching.channels.redis, 0
    for watched in watching.channels.of_group(group):
        gap = gap_of(watched, watching.incidents.state(watched.mailbox), at)
        if gap is not None:
            noted += 1
            _keep(redis, watched.room, gap)
    return noted


def _keep(redis: Redis, room: str, gap: Gap) -> None:
    """Keep a gap until its space is told, when the other groups have looked again."""
    key, when = keys.watch_gaps(room), gap.until + COLLECT
    with redis.pipeline() as pipe:
        pipe.hset(key, gap.mailbox, codec.dump(gap))
        pipe.expire(key, KEPT_S)
        pipe.zadd(keys.watch_gaps_due(), {room: when.timestamp()}, nx=True)
        pipe.execute()


def due(redis: Redis, at: datetime) -> tuple[str, ...]:
    rows: Any = redis.zrangebyscore(keys.watch_gaps_due(), "-inf", at.timestamp())
    return tuple(row.decode() for row in rows)


def of_room(redis: Redis, room: str) -> tuple[Gap, ...]:
    rows: Any = redis.hgetall(keys.watch_gaps(room))
    return tuple(codec.load(rows[name], Gap) for name in sorted(rows))


def forget_told(redis: Redis, room: str) -> None:
    with redis.pipeline() as pipe:
        pipe.delete(keys.watch_gaps(room))
        pipe.zrem(keys.watch_gaps_due(), room)
        pipe.execute()


def put_off(redis: Redis, room: str, when: datetime) -> None:
    """Have a space told of its gaps later, because Webex did not take the message."""
    redis.zadd(keys.watch_gaps_due(), {room: when.timestamp()}, xx=True)
