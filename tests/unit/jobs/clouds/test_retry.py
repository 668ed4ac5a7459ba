"""Retry policy: how often a request is sent, and how long the pauses between the tries are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise

import pytest

from jobs.clouds.errors import (
    CloudError,
    CloudReply,
    MalformedAnswer,
    Rejected,
    Transient,
    TruncatedAnswer,
)
from jobs.clouds.retry import Pauses, RetryPolicy, may_repeat, parse_retry_after


@pytest.mark.parametrize(
    ("error", "repeatable", "expected"),
    [
        (Transient, True, True),
        (Transient, False, False),
        (TruncatedAnswer, True, True),
        (TruncatedAnswer, False, False),
        (MalformedAnswer, True, False),
        (Rejected, True, False),
    ],
)
def test_who_is_patient(error: type[CloudError], repeatable: bool, expected: bool):
    """Without a Retry-After, the kind of error and the request decide if a call is repeated.

    The pauses are then those of stamina's own back-off.
    """
    failed = error("throttled", CloudReply("graph"))
    waits = RetryPolicy().wait(failed, spent=0.0)
    assert (may_repeat(failed, repeatable=repeatable) and waits) is expected


@pytest.mark.parametrize(
    ("asked", "spent", "expected"),
    [(10, 0, 10), (0, 0, 0.5), (60, 0, 60), (61, 0, False), (60, 31, False), (29, 60, 29)],
)
def test_how_long_is_patient(asked: float, spent: float, expected: float):
    """A wait is at least the time requested; one sleep is at most 60 s, and all of them 90 s.

    For a longer wait the job is put off, which frees its worker.
    """
    error = Transient("throttled", CloudReply("graph"), retry_after=asked)
    assert RetryPolicy().wait(error, spent=spent) == expected


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("1.5", 1.5)] + [(each, None) for each in (None, "", "-1", "nan", "inf", "soon")],
)
def test_retry_after_in_seconds(header: str | None, seconds: float | None):
    """A Retry-After that makes no sense counts as missing."""
    assert parse_retry_after(header) == seconds


def test_retry_after_as_a_date():
    """A Retry-After may be a date, which is HTTP's other form, and a past date means no wait."""
    soon = parse_retry_after(format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True))
    assert soon is not None
    assert 3600 < soon <= 2 * 3600
    assert parse_retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    assert parse_retry_after("Wed, 21 Oct 99999999999999999999 07:28:00 GMT") is None


@pytest.mark.parametrize("tries", [1, 2, 3])
def test_a_call_ends_after_its_attempts(tries: int):
    """A call ends after the policy's number of tries, and the caller gets the last error.

    This is the same in a thread and in a task.
    """
    made: list[int] = []
    policy = RetryPolicy(attempts=tries, shortest_wait_s=0.0)

    def send() -> None:
        made.append(1)
        raise Transient("throttled", CloudReply("graph"), retry_after=0.0)

    async def send_as_a_task() -> None:
        send()

    with pytest.raises(Transient):
        policy.call(send, lambda _: True)
    with pytest.raises(Transient):
        asyncio.run(policy.call_async(send_as_a_task, lambda _: True))
    assert len(made) == 2 * tries


def test_what_may_not_be_repeated_is_sent_once():
    """A call that its caller does not want repeated is sent once, whatever time is left."""
    made: list[int] = []

    def send() -> None:
        made.append(1)
        raise Transient("throttled", CloudReply("graph"))

    with pytest.raises(Transient):
        RetryPolicy().call(send, lambda _: False)
    assert made == [1]


@pytest.mark.usefixtures("real_pauses")
def test_a_pause_without_a_retry_after_is_the_policys_own(carry_out: Callable[..., float]):
    """Without a Retry-After, a pause has the policy's length plus at most the policy's jitter."""
    made: list[float] = []

    async def send() -> str:
        made.append(asyncio.get_running_loop().time())
        if len(made) < 3:
            raise Transient("throttled", CloudReply("graph"))
        return "answer"

    async def work() -> None:
        assert await policy.call_async(send, lambda _: True) == "answer"

    policy = RetryPolicy(first_pause_s=30.0, longest_pause_s=30.0, jitter_s=0.0)
    carry_out(work())
    assert [round((later - sooner) / 30, 1) for sooner, later in pairwise(made)] == [1.0, 1.0]


@pytest.mark.parametrize(
    ("tries", "asked", "pause"), [(1, None, 5.0), (2, 7.5, 60.0), (3, None, 60.0), (1, 7.5, 7.5)]
)
def test_the_last_pause_repeats_itself(tries: int, asked: float | None, pause: float):
    """The last pause repeats, and the service's Retry-After is a minimum."""
    assert Pauses((5.0, 60.0)).after(tries, asked) == pause
