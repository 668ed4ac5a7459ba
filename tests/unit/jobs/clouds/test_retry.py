"""Retry policy: how often a request is sent, and how long the pauses between the tries are."""

import asyncio
from datetime import timedelta
from email.utils import format_datetime
from itertools import pairwise

import pytest

from jobs.clock import now
from jobs.clouds.errors import Transient
from jobs.clouds.http import Pauses, RetryPolicy, parse_retry_after


@pytest.mark.parametrize(
    ("asked", "spent", "expected"),
    [(10, 0, 10), (0, 0, 0.5), (60, 0, 60), (61, 0, False), (60, 31, False), (29, 60, 29)],
)
def test_how_long_is_patient(asked, spent, expected):
    """A wait is at least the time requested; one sleep is at most 60 s, and all of them 90 s.

    For a longer wait the job is put off, which frees its worker.
    """
    error = Transient("throttled", "graph", retry_after=asked)
    assert RetryPolicy().wait(error, spent=spent) == expected


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("1.5", 1.5)] + [(each, None) for each in (None, "", "-1", "nan", "inf", "soon")],
)
def test_retry_after_in_seconds(header, seconds):
    """A Retry-After that makes no sense counts as missing."""
    assert parse_retry_after(header) == seconds


def test_retry_after_as_a_date():
    """A Retry-After may be a date, which is HTTP's other form, and a past date means no wait."""
    in_two_hours = format_datetime(now() + timedelta(hours=2), usegmt=True)
    assert 3600 < (parse_retry_after(in_two_hours) or 0) <= 2 * 3600
    assert parse_retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    assert parse_retry_after("Wed, 21 Oct 99999999999999999999 07:28:00 GMT") is None


@pytest.mark.usefixtures("real_pauses")
def test_a_pause_without_a_retry_after_is_the_policys_own(carry_out):
    """Without a Retry-After, a pause has the policy's length plus at most the policy's jitter.

    A call ends after the policy's number of tries, and the caller gets the last error.
    """
    made: list[float] = []

    async def send() -> None:
        made.append(asyncio.get_running_loop().time())
        raise Transient("throttled", "graph")

    async def work() -> None:
        with pytest.raises(Transient):
            await policy.call_async(send, lambda _: True)

    policy = RetryPolicy(attempts=3, first_pause_s=30.0, longest_pause_s=30.0, jitter_s=0.0)
    carry_out(work())
    assert [round((later - sooner) / 30, 1) for sooner, later in pairwise(made)] == [1.0, 1.0]


@pytest.mark.parametrize(
    ("tries", "asked", "pause"), [(1, None, 5.0), (2, 7.5, 60.0), (3, None, 60.0), (1, 7.5, 7.5)]
)
def test_the_last_pause_repeats_itself(tries, asked, pause):
    """The last pause repeats, and the service's Retry-After is a minimum."""
    assert Pauses((5.0, 60.0)).after(tries, asked) == pause
