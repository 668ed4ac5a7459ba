"""Reads that are wanted at the same moment are made once, and never hide a write."""

from __future__ import annotations

import asyncio

import pytest

from jobs.clouds.errors import CloudReply, Rejected
from jobs.clouds.rate_limit import SingleFlight


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
        raise Rejected("request_rejected", CloudReply("graph"))

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
