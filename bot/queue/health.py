"""Health of what the conversation needs: Redis takes writes, a worker lives, no event waits long.

``/readyz``, ``worker --check`` and ``doctor`` read it here, and what to do about a Redis that refuses.
"""

import socket
from datetime import UTC, datetime, timedelta
from typing import Any

from redis import Redis, exceptions
from redis.sentinel import MasterNotFoundError
from rq import Worker
from rq.worker.base import BaseWorker

from bot import table
from bot.queue import SERIALIZER, SafeJob, readable
from jobs.clock import now
from jobs.storage import codec, generation, keys
from jobs.storage.connection import DemotedError
from jobs.storage.locks import DueQueue, LockKind

SEEN_S = 30
"""Seconds within which a worker must give a sign of life."""
LATE_S = 60
"""Seconds after which an event that no worker has begun is late."""
MOST = 200
"""Number of events that are read. They are those that are due first."""
TIMERS = keys.figures("timers")
DISPATCH = "dispatch_due"
"""Timer that hands out everything that is due."""
KEPT_S = 86_400
"""Seconds for which a timer without a beat is remembered after it was expected."""
OK = "ok"
NO_PASSWORD = ("HELLO must be called with the client already", "Authentication required")
"""Beginnings of the errors of a Redis that needs a password and was given none."""
REFUSALS: dict[str, str] = table(__file__, "refusals")
HELLO = ("HELLO",)


def look(redis: Redis) -> dict[str, str]:
    """Return the state of each part in a word, and of the whole as ``status``.

    ``redis`` may be ``unreachable``, ``read-only``, ``refused`` or ``unwritable``; then nothing else
    is known. ``workers`` may be ``missing``, ``events`` ``late``, and ``data`` ``refused``, if this
    version cannot use it. ``dispatch`` says since when nothing is handed out.
    """
    word, parts = OK, dict.fromkeys(("workers", "events", "data", "dispatch"), "unknown")
    try:
        test_write(redis)
        parts = {
            "workers": OK if seen_workers(redis) else "missing",
            "events": "late" if waiting_events(redis)[1] > LATE_S else OK,
            "data": "refused" if generation.layout_problem(redis) else OK,
            "dispatch": not_handed_out(redis) or OK,
        }
    except DemotedError:
        word = "read-only"
    except (exceptions.AuthenticationError, exceptions.NoPermissionError):
        word = "refused"
    except exceptions.RedisError as error:
        word = "unwritable" if isinstance(error, exceptions.ResponseError) else "unreachable"
    found = {"redis": word, **parts}
    return {"status": OK if {*found.values()} == {OK} else "unavailable", **found}


def test_write(redis: Redis) -> None:
    redis.set(keys.write_test(), "1", ex=60)


def all_workers(redis: Redis) -> list[BaseWorker]:
    return Worker.all(connection=redis, job_class=SafeJob, serializer=SERIALIZER)


def seen_workers(redis: Redis) -> list[BaseWorker]:
    limit = now() - timedelta(seconds=SEEN_S)
    return [each for each in all_workers(redis) if (at := each.last_heartbeat) and at >= limit]


def waiting_events(redis: Redis) -> tuple[int, float]:
    """Return how many of the first events are not begun, and the oldest one's wait in seconds."""
    members = list(DueQueue(redis, LockKind.EVENT).all())[:MOST]
    values = redis.mget([keys.event(member) for member in members]) if members else []
    pending = filter(None, map(readable, values))
    fresh = [now() - each.arrived for each in pending if not each.begun and not each.tries]
    return len(fresh), max([timedelta(), *fresh]).total_seconds()


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


def refusal(error: exceptions.RedisError) -> str:
    """Return the advice about a Redis that refuses the bot until somebody changes a setting.

    The result is an empty string for other errors, which may pass.
    """
    kind = ""
    if isinstance(error, exceptions.AuthenticationError):
        asks = any(words in str(error) for words in NO_PASSWORD)
        kind = "no_password" if asks else "wrong_password"
    elif isinstance(error, exceptions.NoPermissionError):
        kind = "no_permission"
    elif isinstance(error, exceptions.AskError | exceptions.ClusterCrossSlotError):
        kind = "cluster"
    elif isinstance(error, MasterNotFoundError) and "AuthenticationError" in str(error):
        kind = "by_sentinel"
    return REFUSALS.get(kind, "").format(error=error)


def cause(error: exceptions.RedisError) -> str:
    """Return the words of a Redis error, without the objects at the end of a Sentinel's error."""
    return str(error).partition(" : <")[0] or type(error).__name__


def kind_problem(redis: Redis) -> str:
    """Return why this kind of server cannot serve the bot; empty if it can, or if nothing is known.

    Raises:
        redis.RedisError: Redis is unreachable, or refuses the bot.
    """
    try:
        hello: Any = redis.execute_command(*HELLO)  # type: ignore[no-untyped-call]  # untyped in redis-py
    except exceptions.ResponseError:
        return ""
    # RESP2 sends names and values as a list
    pairs = hello.items() if isinstance(hello, dict) else zip(hello[::2], hello[1::2], strict=True)
    mode = {codec.as_text(name): codec.as_text(value) for name, value in pairs}.get("mode", "")
    return REFUSALS[mode] if mode in {"cluster", "sentinel"} else ""
