"""Requests to the clouds are counted with their outcome and latency, and without anybody's name."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from redis import Redis

from jobs.clouds.calls import measured, outcome
from jobs.clouds.errors import CloudError
from jobs.clouds.retry import RetryPolicy
from jobs.mail.smtp_login import SmtpProbe
from jobs.settings import Settings
from jobs.storage.counters import COUNTERS, read
from tests.unit.jobs.clouds.scripted_cloud import OK, Cloud, ask

ONCE = RetryPolicy(attempts=1)


def counted(redis: Redis) -> dict[str, int]:
    """Return the counts since the last reset, without the latencies."""
    COUNTERS.flush(redis)
    found: dict[str, int] = {}
    for field, count in read(redis).items():
        name, *labels = field.split("|")
        if labels[-1] != "ms":
            key = "|".join((name, *labels[: 2 if name == "call_seconds" else 1]))
            found[key] = found.get(key, 0) + count
    return found


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (OK, "ok"),
        (httpx.Response(404), "refused"),
        (httpx.Response(503), "failed"),
        (httpx.ReadTimeout("late"), "lost"),
    ],
)
async def test_each_attempt_is_counted(
    redis: Redis,
    make_settings: Callable[..., Settings],
    answer: httpx.Response | Exception,
    word: str,
):
    """Each attempt counts under its cloud and its outcome."""
    COUNTERS.reset()
    try:
        await ask(make_settings(), Cloud(answer), patience=ONCE)
    except CloudError:
        assert word != "ok"
    assert counted(redis) == {f"call_seconds|graph|{word}": 1}


async def test_429_is_a_number_of_its_own(redis: Redis, make_settings: Callable[..., Settings]):
    """An answer with status 429 counts as a call and also has a counter of its own."""
    COUNTERS.reset()
    with pytest.raises(CloudError):
        await ask(make_settings(), Cloud(httpx.Response(429)), patience=ONCE)
    assert counted(redis) == {"call_seconds|graph|throttled": 1, "calls_throttled|graph": 1}


def test_a_call_without_an_answer_is_lost(redis: Redis):
    """A call without an answer counts as lost, and its error is raised again."""
    COUNTERS.reset()
    with pytest.raises(OSError, match="away"), measured("webex"):
        raise OSError("away")
    assert counted(redis) == {"call_seconds|webex|lost": 1}


def test_words():
    """HTTP statuses and results of an SMTP login use the same words for their outcomes."""
    assert [outcome(status) for status in (0, 200, 302, 401, 429, 500)] == [
        "lost",
        "ok",
        "ok",
        "refused",
        "throttled",
        "failed",
    ]
    probes = [
        SmtpProbe(not cause, "auth", cause, "", ())
        for cause in ("", "timed_out", "smtp_token_refused")
    ]
    assert [probe.outcome for probe in probes] == ["ok", "lost", "refused"]
