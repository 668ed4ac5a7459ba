"""Health of what the conversation needs: Redis takes writes, a worker lives, no event waits long.

``/readyz``, ``worker --check`` and ``doctor`` read it here.
"""

from __future__ import annotations

import socket
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError
from rq import Worker
from rq.worker.base import BaseWorker

from bot.queue import SERIALIZER, SafeJob
from bot.queue.events import readable
from jobs.clock import now
from jobs.storage import codec, generation, keys
from jobs.storage.connection import DemotedError
from jobs.storage.due_queue import DueQueue
from jobs.storage.locks import LockKind

SEEN_S = 30
"""Seconds within which a worker must give a sign of life."""
LATE_S = 60
"""Seconds after which an event that no worker has begun is late."""
MOST = 200
"""Number of events that are read. They are those that are due first."""
TIMERS = keys.figures("timers")
DISPATCH = "Dispatcher.dispatch_due"
"""Timer that hands out everything that is due."""
KEPT_S = 86_400
"""Seconds for which a timer that does not beat any more is remembered after it was expected."""
OK, UNKNOWN = "ok", "unknown"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Events that no worker has begun: how many, and for how many seconds the oldest waits."""

    count: int
    age_s: float

    @property
    def is_late(self) -> bool:
        return self.age_s > LATE_S


@dataclass(frozen=True, slots=True)
class Health:
    """State of each part in a word.

    Attributes:
        redis: ``ok``, ``unreachable``, ``read-only``, ``refused`` or ``unwritable``.
        workers: ``ok``, ``missing``, or ``unknown`` without Redis.
        events: ``ok``, ``late``, or ``unknown`` without Redis.
        data: ``ok``, ``refused`` if this version cannot use it, or ``unknown`` without Redis.
        dispatch: ``ok``, since when nothing is handed out, or ``unknown`` without Redis.
    """

    redis: str = OK
    workers: str = UNKNOWN
    events: str = UNKNOWN
    data: str = UNKNOWN
    dispatch: str = UNKNOWN

    @property
    def is_ready(self) -> bool:
        return set(asdict(self).values()) == {OK}

    def as_json(self) -> dict[str, str]:
        """Return the state of each part, and of the whole as ``status``."""
        return {"status": OK if self.is_ready else "unavailable"} | asdict(self)


def look(redis: Redis) -> Health:
    try:
        test_write(redis)
        workers = OK if seen_workers(redis) else "missing"
        events = "late" if waiting_events(redis).is_late else OK
        data = "refused" if generation.layout_problem(redis) else OK
        dispatch = not_handed_out(redis) or OK
    except DemotedError:
        return Health("read-only")
    except (AuthenticationError, NoPermissionError):
        return Health("refused")
    except RedisError as error:
        return Health("unwritable" if isinstance(error, ResponseError) else "unreachable")
    return Health(OK, workers, events, data, dispatch)


def test_write(redis: Redis) -> None:
    """Write a value to Redis, or raise redis.RedisError."""
    redis.set(keys.write_test(), "1", ex=60)


def all_workers(redis: Redis) -> list[BaseWorker]:
    return Worker.all(connection=redis, job_class=SafeJob, serializer=SERIALIZER)


def seen_workers(redis: Redis) -> list[BaseWorker]:
    limit = now() - timedelta(seconds=SEEN_S)
    return [each for each in all_workers(redis) if (at := each.last_heartbeat) and at >= limit]


def waiting_events(redis: Redis) -> Waiting:
    """Return the events that no worker has begun, among the first :data:`MOST` that are due."""
    members = list(DueQueue(redis, LockKind.EVENT).all())[:MOST]
    values = redis.mget([keys.event(member) for member in members]) if members else []
    pending = filter(None, map(readable, values))
    fresh = [now() - each.arrived for each in pending if not each.begun and not each.tries]
    return Waiting(len(fresh), max([timedelta(), *fresh]).total_seconds())


def beat(redis: Redis, done: dict[str, float]) -> None:
    """Record when the next whole round of each timer is expected; a timer may miss one.

    ``done`` has the intervals of the timers that have ended a round, in seconds, and is emptied.
    """
    at, host = now().timestamp(), socket.gethostname()
    if done:
        late = {f"{host} {timer}": at + 2 * every + SEEN_S for timer, every in done.items()}
        redis.zadd(TIMERS, late)
        redis.zremrangebyscore(TIMERS, "-inf", at - KEPT_S)
        done.clear()


def late_timers(redis: Redis, host: str = "") -> dict[str, datetime]:
    """Return the timers that are late on every host, or on this one, and since when.

    The dispatch is late since 1970 if it has never run there.
    """
    expected = {DISPATCH: 0.0}
    beats: Any = redis.zrange(TIMERS, 0, -1, withscores=True)
    for member, score in beats:
        place, _, timer = codec.as_text(member).partition(" ")
        if host in {"", place}:
            expected[timer] = max(expected.get(timer, 0.0), score)
    at = now().timestamp()
    return {
        timer: datetime.fromtimestamp(late, UTC) for timer, late in expected.items() if late < at
    }


def not_handed_out(redis: Redis, host: str = "") -> str:
    """Return since when nothing is handed out, by any host or by this one; empty if it is."""
    late = late_timers(redis, host).get(DISPATCH)
    if late is None:
        return ""
    since = f" since {late - timedelta(seconds=SEEN_S):%d %b %H:%MZ}" if late.timestamp() else ""
    return f"nothing that is due is handed out{since}"


REFUSED_KEPT_S = 24 * 3600
"""Seconds for which the number of refusals is kept after the last refusal."""


@dataclass(frozen=True, slots=True)
class Refusals:
    """Webhooks that were refused: how many, and when the first and the last of them came."""

    count: int
    first: datetime
    last: datetime


def add_refused(redis: Redis, count: int) -> None:
    """Add ``count`` refused webhooks, and remember the time of the first and the last one."""
    key, moment = keys.webhooks_refused(), now().isoformat()
    with redis.pipeline() as pipe:
        pipe.hincrby(key, "count", count)
        pipe.hsetnx(key, "first", moment)
        pipe.hset(key, "last", moment)
        pipe.expire(key, REFUSED_KEPT_S)
        pipe.execute()


def read_refused(redis: Redis) -> Refusals | None:
    """Return the refusals, or None if there was none for a day."""
    found: Any = redis.hmget(keys.webhooks_refused(), ["count", "first", "last"])
    count, first, last = map(codec.as_text, found)
    if not count:
        return None
    return Refusals(int(count), datetime.fromisoformat(first), datetime.fromisoformat(last))
