"""Calls that Microsoft limits are counted per tenant, for all checks and workers together."""

from __future__ import annotations

import time

import pytest
from redis import Redis

from jobs.access.app_access import TenantCallHistory
from jobs.clouds.errors import Transient
from jobs.clouds.rate_limit import Limit, RateLimiter

TRACES = Limit("traces", "messagetrace", 3, 300.0, waits=False)
REPORTS = Limit("reports", "/auditlogs/", 1, 0.4)


def pace(redis: Redis, tenant: str = "T1") -> RateLimiter:
    """Return the rate limiter of one check of a tenant."""
    return RateLimiter((TRACES, REPORTS), lambda limit: TenantCallHistory(redis, tenant, limit))


async def call(who: RateLimiter, name: str = "GET /messageTraces") -> float:
    """Make one call and return when it began."""
    async with who.slot(name):
        return time.monotonic()


async def test_a_second_look_counts_the_first_one_s_calls(redis: Redis):
    """A second check counts the calls that the first check made to the same tenant.

    The case of the tenant's id makes no difference, and another tenant has a count of its own.
    """
    first = pace(redis)
    await call(first)
    await call(first, "Get-MessageTraceV2")
    second = pace(redis, "t1")
    await call(second)
    with pytest.raises(Transient) as told:
        await call(second)
    assert told.value.cause == "trace_limit"
    await call(pace(redis, "T2"))


async def test_looks_at_the_same_time_count_each_other_s_calls(redis: Redis):
    """A check that began earlier also counts the calls of a check that began later."""
    first, second = pace(redis), pace(redis)
    await call(first)
    await call(second)
    await call(second)
    with pytest.raises(Transient):
        await call(first)


async def test_a_second_look_waits_for_the_limit(redis: Redis):
    """If another check has just read a report, this check waits before it reads a report.

    Other kinds of calls do not wait.
    """
    made = await call(pace(redis), "GET /auditLogs/signIns")
    second = pace(redis)
    await call(second)
    assert await call(second, "GET /auditLogs/signIns") - made >= REPORTS.seconds - 0.02


async def test_a_call_is_kept_as_long_as_it_counts(redis: Redis):
    """Redis keeps each kind of call for its own period, and older calls are removed."""
    redis.zadd("tenant:t1:calls:traces", {"old": 1.0})
    await call(pace(redis))
    await call(pace(redis), "GET /auditLogs/signIns")
    ages = TenantCallHistory(redis, "T1", TRACES).ages()
    assert ([age < 5 for age in ages], redis.zcard("tenant:t1:calls:traces")) == ([True], 1)
    assert 0 < redis.pttl("tenant:t1:calls:traces") <= 300_000
    assert redis.pttl("tenant:t1:calls:reports") <= 400
