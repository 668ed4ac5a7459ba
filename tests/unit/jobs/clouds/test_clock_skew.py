"""The skew of the clock: measured by Date headers, shared in Redis, and told once an hour."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from datetime import timedelta
from email.utils import formatdate

import httpx
import pytest
from redis import Redis
from structlog.testing import capture_logs

from jobs.clock import now
from jobs.clouds import clock_skew
from jobs.clouds.clock_skew import LAST, METER, MICROSOFT, WEBEX, Meter
from jobs.clouds.http import async_client, sync_client
from jobs.settings import Settings

NEARLY = 1.0
"""Seconds that a Date header may be wrong by: it has whole seconds."""


def at(ahead_s: float) -> dict[str, str]:
    """Return the headers of a cloud whose clock the bot's is ahead of by so many seconds."""
    moment = now() - timedelta(seconds=ahead_s)
    return {"Date": formatdate(moment.timestamp(), usegmt=True)}


@pytest.mark.parametrize("ahead", [0, 30, 660, -660, 40_000])
def test_the_skew_is_that_of_the_date(ahead: float):
    """Ahead is positive and behind is negative, within the second that a Date is exact to."""
    METER.note(WEBEX, at(ahead), 0.1)
    assert METER.ahead_s(WEBEX) == pytest.approx(ahead, abs=NEARLY)


def test_half_of_the_round_trip_is_taken_off():
    """An answer that took eight seconds was made four seconds ago."""
    METER.note(WEBEX, at(4), 8.0)
    assert METER.ahead_s(WEBEX) == pytest.approx(0, abs=NEARLY)


def test_the_median_of_the_last_answers_counts():
    """One odd answer changes nothing, and a clock that was corrected is right after a few answers."""
    for ahead in (660, 660, 0, 660, 660):
        METER.note(WEBEX, at(ahead), 0.1)
    assert METER.ahead_s(WEBEX) == pytest.approx(660, abs=NEARLY)
    for _ in range(LAST):
        METER.note(WEBEX, at(0), 0.1)
    assert METER.ahead_s(WEBEX) == pytest.approx(0, abs=NEARLY)


@pytest.mark.parametrize(
    ("headers", "trip"),
    [
        ({"Date": "yesterday"}, 0.1),
        ({"Date": ""}, 0.1),
        ({}, 0.1),
        ({"Date": "Fri, 27 Nov 2020 10:00:00 GMT", "Age": "30"}, 0.1),
        ({"Date": "Fri, 27 Nov 2020 10:00:00 GMT"}, 11.0),
    ],
)
def test_what_tells_nothing_is_left_out(headers: dict[str, str], trip: float):
    """No Date, one that cannot be read, one of a cache, or an answer that took too long."""
    METER.note(WEBEX, headers, trip)
    assert METER.ahead_s(WEBEX) is None


def test_each_cloud_has_its_own():
    """Age is judged by Webex's clock, whatever Microsoft's says."""
    METER.note(MICROSOFT, at(660), 0.1)
    assert (METER.ahead_s(WEBEX), clock_skew.webex_now() - now() < timedelta(seconds=1)) == (
        None,
        True,
    )
    METER.note(WEBEX, at(-660), 0.1)
    assert (clock_skew.webex_now() - now()).total_seconds() == pytest.approx(660, abs=NEARLY)


def test_an_old_measurement_does_not_count(monkeypatch: pytest.MonkeyPatch):
    """A process that has not asked for a quarter of an hour knows nothing: the clock may be set since."""
    METER.note(WEBEX, at(660), 0.1)
    later = clock_skew.time.monotonic() + 901
    monkeypatch.setattr(clock_skew.time, "monotonic", lambda: later)
    assert METER.ahead_s(WEBEX) is None


@pytest.fixture
def two(redis: Redis) -> tuple[Meter, Meter]:
    """The meters of two processes with one Redis."""
    return Meter(redis), Meter(redis)


def test_what_all_processes_measure_is_in_redis(
    redis: Redis, two: tuple[Meter, Meter], pass_time: Callable[[float], None]
):
    """The median of all; after 15 minutes without an answer nothing is known."""
    for meter in two:
        meter.note(MICROSOFT, at(90), 0.1)
    assert clock_skew.shared(redis) == {MICROSOFT: pytest.approx(90, abs=NEARLY)}
    assert 0 < redis.ttl("skew:microsoft") <= 900
    pass_time(901)
    assert clock_skew.shared(redis) == {}


def test_the_log_tells_it_once_an_hour(redis: Redis, two: tuple[Meter, Meter]):
    """From half a minute on, from whichever process; the next hour tells it again."""
    with capture_logs() as logged:
        Meter(redis).note(WEBEX, at(20), 0.1)
        for meter in two:
            meter.note(WEBEX, at(660), 0.1)
        redis.delete("skew:webex:told")
        Meter(redis).note(WEBEX, at(-45), 0.1)
    told = [line for line in logged if line["event"] == "the clock is wrong"]
    ahead, behind = (line["why"] for line in told)
    assert ahead == "the clock of the bot's machine is 11 minutes ahead of Webex's"
    about_45 = r"the clock of the bot's machine is 4[4-6] seconds behind Webex's"
    assert re.fullmatch(about_45, behind)
    assert [line["log_level"] for line in told] == ["warning", "warning"]


def test_without_redis_it_is_measured_all_the_same():
    """No answer of a cloud fails because its time cannot be shared."""
    meter = Meter(Redis(port=1, socket_connect_timeout=0.1, retry=None))
    meter.note(WEBEX, at(660), 0.1)
    assert meter.ahead_s(WEBEX) == pytest.approx(660, abs=NEARLY)


def answer(request: httpx.Request) -> httpx.Response:
    """Answer as a cloud that is eleven minutes behind, with an error: it has a Date, too."""
    return httpx.Response(503, headers=at(660), request=request)


def test_msals_client_measures_microsoft_only(make_settings: Callable[..., Settings]):
    """Every answer counts, whatever its status; another host of the settings tells nothing."""
    settings = make_settings(connect_audit_url="https://tenant.uk.webexconnect.io")
    with sync_client(settings, httpx.MockTransport(answer)) as client:
        client.get("https://tenant.uk.webexconnect.io/x")
        assert METER.ahead_s(MICROSOFT) is None
        client.get(f"{settings.login_url}/x")
    assert METER.ahead_s(MICROSOFT) == pytest.approx(660, abs=NEARLY)


async def _get(settings: Settings) -> None:
    async with async_client(settings, httpx.MockTransport(answer)) as client:
        await client.get(f"{settings.graph_url}/x")


def test_graphs_client_measures_too(make_settings: Callable[..., Settings]):
    """As the client of Exchange is the same, its answers count as well."""
    asyncio.run(_get(make_settings()))
    assert METER.ahead_s(MICROSOFT) == pytest.approx(660, abs=NEARLY)
