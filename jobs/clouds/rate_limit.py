"""How fast one tenant is asked, so that Microsoft has no reason to answer 429 (facts/microsoft.md 2.5, 5 and 7)."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from jobs.clouds.errors import CloudError, CloudReply, Transient

LONGEST_HOLD_S = 60.0
LOOK_AGAIN_S = 0.05
_TOO_MUCH = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class Limit:
    """So many calls in so many seconds, for calls that have ``part`` in their name. One that does not ``wait`` fails at once instead."""

    part: str
    most: int
    seconds: float
    waits: bool = True


LIMITS = (
    Limit("/identity/conditionalaccess", 1, 1.0),
    Limit("/auditlogs/", 5, 10.0),
    Limit("messagetrace", 90, 300.0, waits=False),
)
"""Microsoft's own are 1 a second, 5 in 10 seconds, and 100 in 5 minutes, of which ten are left for whoever asks about one channel meanwhile."""


class CallHistory(Protocol):
    """Remembers the calls that nobody waits for longer than one look lasts."""

    def ages(self) -> list[float]:
        """How many seconds ago each of them ended."""
        ...

    def record(self) -> None:
        """One has ended."""
        ...


class _Window:
    """The calls of one kind. One under way counts as now, for it is not known when it arrives."""

    def __init__(self, limit: Limit, ledger: CallHistory | None) -> None:
        self._limit = limit
        self._ledger = ledger
        now = time.monotonic()
        self._ended = deque(sorted(now - age for age in (ledger.ages() if ledger else ())))
        self._under_way = 0
        self.closed_until = 0.0
        self.alone = asyncio.Lock()

    def free_in(self, now: float) -> float:
        """Seconds until one more call is within the limit; one that depends on calls under way is asked again soon."""
        while self._ended and now - self._ended[0] >= self._limit.seconds:
            self._ended.popleft()
        if now < self.closed_until:
            return self.closed_until - now
        if self._under_way + len(self._ended) < self._limit.most:
            return 0.0
        return self._ended[0] + self._limit.seconds - now if self._ended else LOOK_AGAIN_S

    def begin(self) -> None:
        """A call is sent."""
        self._under_way += 1

    def end(self) -> None:
        """It was answered, or will never be."""
        self._under_way -= 1
        self._ended.append(time.monotonic())
        if self._ledger:
            self._ledger.record()


class Throttle:
    """Calls overlap as they like until the cloud says that it is too much; from then on one begins at a time, until it has been quiet.

    For a cloud that publishes no limit and asks for no pause (facts/microsoft.md 3.5).
    """

    def __init__(self, seconds: float = 1.0, quiet_s: float = 60.0) -> None:
        self._seconds, self._quiet_s = seconds, quiet_s
        self._until = self._next = 0.0

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait for a place of one's own, if places are given out; each attempt of a call takes one."""
        clock = asyncio.get_running_loop().time
        if clock() < self._until:
            place = max(clock(), self._next)
            self._next = place + self._seconds
            await asyncio.sleep(place - clock())
        try:
            yield
        except Transient as error:
            if error.status in _TOO_MUCH:
                self._next = max(self._next, clock() + self._seconds)
                self._until = clock() + self._quiet_s
            raise


class RateLimiter:
    """One tenant's limits, kept by everybody who asks with this object."""

    def __init__(self, limits: tuple[Limit, ...], ledger: CallHistory | None = None) -> None:
        self._windows = {limit: _Window(limit, None if limit.waits else ledger) for limit in limits}

    @asynccontextmanager
    async def slot(self, name: str) -> AsyncIterator[None]:
        """Wait for the call's turn. A 429 holds back everybody's calls of that kind, for as long as Microsoft asks.

        Raises:
            Transient: ``trace_limit``, where the calls of five minutes are used up: a person does not wait that long for a verdict.
        """
        limit = next((each for each in self._windows if each.part in name.lower()), None)
        if limit is None:
            yield
            return
        window = self._windows[limit]
        async with window.alone:
            await _free(window, limit)
            window.begin()
        try:
            yield
        except CloudError as error:
            if error.cause == "throttled":
                hold = error.retry_after or limit.seconds
                window.closed_until = time.monotonic() + (min(hold, LONGEST_HOLD_S) if limit.waits else hold)
            raise
        finally:
            window.end()


async def _free(window: _Window, limit: Limit) -> None:
    while (wait := window.free_in(time.monotonic())) > 0:
        if not limit.waits:
            raise Transient("trace_limit", CloudReply("graph"), unsent=True)
        await asyncio.sleep(wait)
