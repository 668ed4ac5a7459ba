"""Rate of calls to a tenant.

It stays within Microsoft's limits for all callers, and no call is made while Microsoft refuses
calls.
"""

import asyncio
import time

import pytest

from jobs.clouds import rate_limit
from jobs.clouds.errors import Rejected, Transient
from jobs.clouds.http import may_repeat
from jobs.clouds.rate_limit import Limit, RateLimiter, ReadCache, SingleFlight, Throttle

QUICK = Limit("reports", "/reports", 2, 0.4)
SCARCE = Limit("traces", "messagetrace", 3, 60.0, waits=False)


@pytest.fixture
def pace(redis, monkeypatch) -> RateLimiter:
    """Return the rate limiter of one check of a tenant, with other limits."""
    monkeypatch.setattr(rate_limit, "LIMITS", (QUICK, SCARCE))
    return RateLimiter(redis, "T1")


async def calls(
    pace: RateLimiter, name: str, count: int, seconds: float = 0.0
) -> list[tuple[float, float]]:
    """Make this many calls at once and return when each began and ended, in order."""
    began = time.monotonic()

    async def call() -> tuple[float, float]:
        async with pace.slot(name):
            start = time.monotonic() - began
            await asyncio.sleep(seconds)
            return start, time.monotonic() - began

    return sorted(await asyncio.gather(*(call() for _ in range(count))))


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.0, 0.1])
async def test_never_more_than_the_limit_in_any_window(pace, seconds):
    """The limit holds in every window the server could see, however long each call takes."""
    times = await calls(pace, "GET /Reports/x", 6, seconds)
    for (_, ended), (begins, _) in zip(times, times[2:], strict=False):
        assert begins - ended >= QUICK.seconds - 0.01


def test_what_has_no_limit_does_not_wait(pace, carry_out):
    """Calls without a limit do not wait, so fifty of them go out at once."""
    assert carry_out(calls(pace, "GET /users/x", 50)) == 0


async def test_a_limit_that_nobody_waits_for(pace, redis):
    """If calls may not wait for a limit, the first call beyond it fails at once and is not sent.

    The calls of all checks of a tenant count together, in whatever case its id is written. Another
    tenant has a count of its own.
    """
    await calls(pace, "Get-MessageTraceV2", 2)
    second, another = (RateLimiter(redis, name) for name in ("t1", "T2"))
    await calls(second, "Get-MessageTraceV2", 1)
    with pytest.raises(Transient) as told:
        await calls(second, "GET /admin/exchange/tracing/messageTraces", 1)
    assert (told.value.cause, told.value.unsent) == ("trace_limit", True)
    assert not may_repeat(told.value, repeatable=True)
    await calls(another, "Get-MessageTraceV2", 1)


@pytest.mark.slow
async def test_a_second_check_waits_for_the_limit(pace, redis):
    """If another check has just read all reports that it may, this check waits for its own."""
    await calls(pace, "GET /reports", 2)
    ((begins, _),) = await calls(RateLimiter(redis, "T1"), "GET /reports", 1)
    assert begins >= QUICK.seconds - 0.1


async def test_a_call_is_kept_as_long_as_it_counts(pace, redis):
    """Redis keeps each kind of call for its own period, and older calls are removed."""
    redis.zadd("tenant:t1:calls:traces", {"old": 1.0})
    await calls(pace, "GET /messageTraces", 1)
    await calls(pace, "GET /reports", 1)
    ((_, at),) = redis.zrange("tenant:t1:calls:traces", 0, -1, withscores=True)
    assert 0 <= time.time() - at < 5
    assert 0 < redis.pttl("tenant:t1:calls:traces") <= 60_000
    assert redis.pttl("tenant:t1:calls:reports") <= 400


async def test_a_clock_that_is_set_back_holds_no_call_for_long(pace, redis):
    """A call of the future holds others back only until Redis forgets it."""
    redis.zadd("tenant:t1:calls:reports", dict.fromkeys("AB", time.time() + 3600))
    redis.pexpire("tenant:t1:calls:reports", 200)
    await calls(pace, "GET /reports", 1)


async def refused(pace: RateLimiter, name: str, after: float | None) -> None:
    """Make one call that is answered with 429."""
    with pytest.raises(Transient):
        async with pace.slot(name):
            raise Transient("throttled", "graph", 429, retry_after=after)


async def test_a_429_holds_everybody_back(pace):
    """A 429 holds back all callers as long as Microsoft asked.

    Calls that may not wait fail at once.
    """
    began = time.monotonic()
    await refused(pace, "/reports", 0.3)
    await calls(pace, "/reports", 1)
    assert time.monotonic() - began >= 0.29
    await refused(pace, "messagetraces", 200)
    with pytest.raises(Transient) as told:
        await calls(pace, "messagetraces", 1)
    assert told.value.cause == "trace_limit"


async def test_kept_reads_are_made_once_and_errors_are_not_kept():
    """A good answer is kept, so its read is made once.

    An error is not kept, so the next caller asks again.
    """
    reads, asked = ReadCache(), []

    async def read() -> int:
        asked.append(len(asked))
        if len(asked) == 1:
            raise Transient("entra_busy", "graph")
        return len(asked)

    with pytest.raises(Transient):
        await reads.read("key", read)
    assert [await reads.read("key", read) for _ in range(3)] == [2, 2, 2]
    assert asked == [0, 1]


class Cloud:
    """Cloud with one value, which counts how often the value is read."""

    def __init__(self) -> None:
        self.asked = 0
        self.value = "before"

    async def look(self) -> str:
        """Return the value that was current when the read began."""
        self.asked += 1
        seen = self.value
        await asyncio.sleep(0.02)
        return seen


async def test_the_same_read_at_the_same_time_is_made_once():
    """Three concurrent reads of one key share one answer.

    A read of another key and a later read are separate.
    """
    reads, cloud = SingleFlight(), Cloud()
    together = await asyncio.gather(
        *(reads.read("a", cloud.look) for _ in range(3)), reads.read("b", cloud.look)
    )
    await reads.read("a", cloud.look)
    assert (together, cloud.asked) == (["before"] * 4, 3)


async def test_a_read_that_began_before_a_write_is_not_shared_after_it():
    """A read requested during or after a write is a new request."""
    reads, cloud = SingleFlight(), Cloud()
    early = asyncio.create_task(reads.read("a", cloud.look))
    await asyncio.sleep(0.005)
    async with reads.writing():
        during = asyncio.create_task(reads.read("a", cloud.look))
        await asyncio.sleep(0.005)
        cloud.value = "after"
    late = await reads.read("a", cloud.look)
    assert (await early, await during, late, cloud.asked) == ("before", "before", "after", 3)


async def test_an_error_reaches_everybody_who_waits():
    """An error of a shared read reaches all who wait, and the read is not repeated for them.

    The next read is a new one. A canceled step does not cancel the read that another waits for.
    """
    reads, cloud, asked = SingleFlight(), Cloud(), []

    async def refuse() -> str:
        asked.append(1)
        await asyncio.sleep(0.01)
        raise Rejected("request_rejected", "graph")

    both = (reads.read("a", refuse) for _ in range(2))
    answers = await asyncio.gather(*both, return_exceptions=True)
    assert [getattr(answer, "cause", "") for answer in answers] == ["request_rejected"] * 2
    with pytest.raises(Rejected):
        await reads.read("a", refuse)
    assert len(asked) == 2
    first, second = (asyncio.create_task(reads.read("a", cloud.look)) for _ in range(2))
    await asyncio.sleep(0.005)
    first.cancel()
    assert (await second, cloud.asked) == ("before", 1)


async def spaced(spacing: Throttle, count: int) -> list[float]:
    """Start ``count`` calls at once and return when each began, in seconds."""
    clock = asyncio.get_running_loop().time
    began = clock()

    async def call() -> float:
        async with spacing.slot():
            return clock() - began

    return sorted(await asyncio.gather(*(call() for _ in range(count))))


@pytest.mark.parametrize("status", [429, 503])
def test_calls_are_spaced_once_it_was_too_much(carry_out, status):
    """Calls overlap until one is throttled.

    Then one call per second is made until a quiet period has passed.
    """
    begins: list[list[int]] = []

    async def day() -> None:
        spacing = Throttle(1.0, quiet_s=60.0)
        begins.append([round(at) for at in await spaced(spacing, 6)])
        with pytest.raises(Transient):
            async with spacing.slot():
                raise Transient("throttled", "exchange", status)
        begins.append([round(at) for at in await spaced(spacing, 4)])
        await asyncio.sleep(60.0)
        begins.append([round(at) for at in await spaced(spacing, 6)])

    carry_out(day())
    assert begins == [[0] * 6, [1, 2, 3, 4], [0] * 6]


def test_other_trouble_spaces_nothing(carry_out):
    """A lost connection does not slow down later calls, because it says nothing about the pace."""

    async def day() -> None:
        spacing = Throttle(60.0)
        with pytest.raises(Transient):
            async with spacing.slot():
                raise Transient("connection_lost", "exchange")
        await spaced(spacing, 6)

    assert carry_out(day()) == 0
