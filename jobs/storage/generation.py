"""Layout and generation of the data in Redis, which reveals a loss of data.

After FLUSHALL the random id is a different one, and after an older backup the number is smaller. An
append-only file loses a second, and a failover a few, so each process compares the number with that
of half a minute ago.
"""

import secrets
import time
from collections import deque
from collections.abc import Callable

import structlog
from redis import Redis

from jobs.storage import codec, keys

TOLERATED_S = 30.0
"""Seconds of writes whose loss does no harm: the steps look at the tenant before each change."""
ID, COUNT = "id", "count"
RENEW = (
    "if redis.call('hget', KEYS[1], 'id') == ARGV[1]"
    " then redis.call('hset', KEYS[1], 'id', ARGV[2]) end"
    " return redis.call('hget', KEYS[1], 'id')"
)
log = structlog.get_logger(__name__)


class Generation:
    def __init__(self, redis: Redis, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis, self._clock = redis, clock
        self._id = ""
        self._seen: deque[tuple[float, int]] = deque()

    def look(self) -> str:
        """Raise the number, and return the data's new id if data was lost, else an empty string."""
        key = keys.generation()
        with self._redis.pipeline() as pipe:
            pipe.hsetnx(key, ID, secrets.token_hex(8))
            pipe.hincrby(key, COUNT, 1)
            pipe.hget(key, ID)
            _, raised, raw = pipe.execute()
        data_id, count = codec.as_text(raw), int(raised)
        before, limit = self._id, self._clock() - TOLERATED_S
        while len(self._seen) > 1 and self._seen[1][0] <= limit:
            self._seen.popleft()
        remembered = self._seen[0][1] if self._seen and self._seen[0][0] <= limit else 0
        if before == data_id and count <= remembered:
            data_id = codec.as_text(self._redis.eval(RENEW, 1, key, data_id, secrets.token_hex(8)))
        if before != data_id:
            self._seen.clear()
        self._id = data_id
        self._seen.append((self._clock(), count))
        if not before:
            log.info("data", id=data_id, generation=count)
        if before in {"", data_id}:
            return ""
        log.error(
            "data lost: Redis came back without it, or with an older state",
            id=data_id,
            before=before,
            generation=count,
            remembered=remembered,
        )
        return data_id


LAYOUT = 1
"""Layout of this version's data. The first start writes the number."""


def ensure_layout(redis: Redis) -> str:
    """Write the number of the layout if there is none; return :func:`layout_problem`."""
    redis.set(keys.schema(), LAYOUT, nx=True)
    return layout_problem(redis)


def layout_problem(redis: Redis) -> str:
    text = codec.as_text(redis.get(keys.schema())) or str(LAYOUT)
    if text == str(LAYOUT):
        return ""
    return (
        f"The data in Redis has layout {text}, and this version reads layout {LAYOUT}:"
        " start the version that wrote it, or use another REDIS_URL or REDIS_PREFIX."
    )
