"""Fewer requests: rate limits for the calls to one tenant, and reads that are shared.

The limits are from platforms/microsoft.md 2.5, 5 and 7. They keep Microsoft from answering 429.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import structlog
from redis import Redis

from jobs.causes.cause import Cause
from jobs.clouds.errors import CloudError, Transient
from jobs.storage import keys

T = TypeVar("T")
LONGEST_HOLD_S = 60.0
LOOK_AGAIN_S = 0.05
_TOO_MUCH = frozenset({429, 503})
"""Statuses of too many requests. Exchange also uses others."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Limit of ``most`` calls in ``seconds``."""

    kind: str  # the name of their counter
    part: str  # is in the name of each call, in lower case
    most: int
    seconds: float
    waits: bool = True  # or else a call over the limit fails at once


LIMITS = (
    Limit("policies", "/identity/conditionalaccess", 1, 1.0),
    Limit("reports", "/auditlogs/", 5, 10.0),
    Limit("traces", "messagetrace", 90, 300.0, waits=False),
)
"""Microsoft's own limits, but for traces: ten of its 100 are left for a check of one channel."""


@dataclass(slots=True)
class _Window:
    """Calls of one kind, whose times all workers keep in Redis; those in progress count as now."""

    redis: Redis
    key: keys.Key
    limit: Limit
    under_way: int = 0
    closed_until: float = 0.0
    alone: asyncio.Lock = field(default_factory=asyncio.Lock)

    def free_in(self) -> float:
        """Return the seconds until one more call is within the limit, or until to ask again."""
        if (closed := self.closed_until - time.monotonic()) > 0:
            return closed
        since = time.time() - self.limit.seconds
        rows = self.redis.zrangebyscore(self.key, f"({since}", "+inf", withscores=True)
        if self.under_way + len(rows) < self.limit.most:
            return 0.0
        # a time in the future was written before the clock was set back
        return min(float(rows[0][1]) - since, self.limit.seconds) if rows else LOOK_AGAIN_S

    def close(self, asked_s: float | None) -> None:
        """Hold back all calls for as long as the cloud asks, or else for the limit's time."""
        hold = asked_s or self.limit.seconds
        longest = LONGEST_HOLD_S if self.limit.waits else hold
        self.closed_until = time.monotonic() + min(hold, longest)

    def end(self) -> None:
        self.under_way -= 1
        now, seconds = time.time(), self.limit.seconds
        with self.redis.pipeline() as together:
            together.zadd(self.key, {secrets.token_hex(6): now})
            together.zremrangebyscore(self.key, 0, now - seconds)
            together.pexpire(self.key, round(seconds * 1000))
            together.execute()


class Throttle:
    """Throttle for a cloud that publishes no limit and requests no pause (microsoft.md 3.5).

    Calls may overlap freely until the cloud reports too many requests. From then on they start one
    at a time, until ``quiet_s`` seconds have passed without such an answer.
    """

    def __init__(self, seconds: float = 1.0, quiet_s: float = 60.0) -> None:
        self._seconds, self._quiet_s = seconds, quiet_s
        self._until = self._next = 0.0

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait for a time slot if the cloud is being throttled; each attempt takes one."""
        clock = asyncio.get_running_loop().time
        if clock() < self._until:
            place = max(clock(), self._next)
            self._next = place + self._seconds
            await asyncio.sleep(place - clock())
        try:
            yield
        except Transient as error:
            if error.status in _TOO_MUCH or error.cause == Cause.THROTTLED:
                self._next = max(self._next, clock() + self._seconds)
                self._until = clock() + self._quiet_s
            raise


class RateLimiter:
    """Rate limits of one tenant, within which all workers keep together; without Redis, none."""

    def __init__(self, redis: Redis | None = None, tenant: str = "") -> None:
        self._windows = [
            _Window(redis, keys.tenant_calls(tenant.lower(), limit.kind), limit)
            for limit in LIMITS
            if redis is not None
        ]

    @asynccontextmanager
    async def slot(self, name: str) -> AsyncIterator[None]:
        """Wait until the call is within its limit; a 429 holds back all calls of that kind.

        Raises:
            Transient: ``trace_limit``, for which a person does not wait.
        """
        window = next((each for each in self._windows if each.limit.part in name.lower()), None)
        if window is None:
            yield
            return
        async with window.alone:
            while (wait := window.free_in()) > 0:
                if not window.limit.waits:
                    raise Transient(Cause.TRACE_LIMIT, "graph", unsent=True)
                await asyncio.sleep(wait)
            window.under_way += 1
        try:
            yield
        except CloudError as error:
            if error.cause == Cause.THROTTLED:
                window.close(error.retry_after)
            raise
        finally:
            window.end()


log = structlog.get_logger(__name__)


class SingleFlight:
    """Reads in progress at one cloud; one that began before a write is not shared after it."""

    keeps = False

    def __init__(self) -> None:
        self._under_way: dict[str, asyncio.Task[Any]] = {}

    async def read(self, key: str, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return the answer, or raise the error, of the read with that key, new or in progress."""
        task = self._under_way.get(key)
        if task is None:
            with structlog.contextvars.bound_contextvars(read=key):
                task = self._under_way[key] = asyncio.create_task(make())
            task.add_done_callback(lambda done: self._forget(key, done))
        else:
            log.debug("read shared", key=key)
        found: T = await asyncio.shield(task)
        return found

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Mark a write: reads that start after it began, or after it ended, are made again."""
        self._under_way.clear()
        try:
            yield
        finally:
            self._under_way.clear()

    def _forget(self, key: str, done: asyncio.Task[Any]) -> None:
        # waiting callers get the error; if no caller waits, it is not reported
        failed = done.cancelled() or done.exception() is not None
        if (failed or not self.keeps) and self._under_way.get(key) is done:
            del self._under_way[key]


class ReadCache(SingleFlight):
    """Cache of reads for as long as this object lives, such as a check of many channels."""

    keeps = True
