"""Message traces that are used up stay used up for the next look by anybody."""

from __future__ import annotations

import pytest
from redis import Redis

from jobs.access.tenant_reader import TraceCallHistory
from jobs.clouds.errors import Transient
from jobs.clouds.rate_limit import Limit, RateLimiter

TRACES = Limit("messagetrace", 3, 300.0, waits=False)
QUICK = Limit("/reports", 1, 300.0)


def pace(redis: Redis, tenant: str = "T1") -> RateLimiter:
    """A look's own limits."""
    return RateLimiter((TRACES, QUICK), TraceCallHistory(redis, tenant))


async def call(who: RateLimiter, name: str = "GET /messageTraces") -> None:
    """One call."""
    async with who.slot(name):
        pass


async def test_a_second_look_counts_the_first_one_s_calls(redis: Redis):
    """Of the same tenant, whatever the case of its id; another tenant has its own."""
    first = pace(redis)
    await call(first)
    await call(first, "Get-MessageTraceV2")
    second = pace(redis, "t1")
    await call(second)
    with pytest.raises(Transient) as told:
        await call(second)
    assert told.value.cause == "trace_limit"
    await call(pace(redis, "T2"))


async def test_other_limits_last_as_long_as_the_look(redis: Redis):
    """They are over before another look begins; the ledger holds traces only, and for five minutes."""
    await call(pace(redis), "/reports")
    await call(pace(redis), "/reports")
    await call(pace(redis))
    assert (redis.zcard("tenant:t1:traces"), 0 < redis.ttl("tenant:t1:traces") <= 300) == (1, True)


def test_old_calls_are_forgotten(redis: Redis):
    """Message trace calls older than five minutes no longer count."""
    redis.zadd("tenant:t1:traces", {"old": 1.0})
    ledger = TraceCallHistory(redis, "T1")
    assert ledger.ages() == []
    ledger.record()
    assert ([age < 5 for age in ledger.ages()], redis.zcard("tenant:t1:traces")) == ([True], 1)
