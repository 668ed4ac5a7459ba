"""Skew of the clock, measured by Date headers, shared in Redis, and logged once an hour."""

import re
from datetime import timedelta
from email.utils import formatdate

import httpx
import pytest
from redis import Redis
from structlog.testing import capture_logs

from jobs.clock import now
from jobs.clouds import clock_skew
from jobs.clouds.clock_skew import LAST, METER, MICROSOFT, WEBEX, Meter
from jobs.clouds.errors import Forbidden
from jobs.clouds.http import Call, async_client, request
from jobs.microsoft.graph import judge_graph

NEARLY = 1.0
"""Seconds by which a Date header may be wrong, because it holds whole seconds."""


def at(ahead_s: float) -> dict[str, str]:
    """Return the headers of a cloud whose clock is so many seconds behind the bot's."""
    moment = now() - timedelta(seconds=ahead_s)
    return {"Date": formatdate(moment.timestamp(), usegmt=True)}


@pytest.mark.parametrize(
    ("ahead", "trip"), [*((each, 0.1) for each in (0, 30, 660, -660, 40_000)), (4, 8.0)]
)
def test_the_skew_is_that_of_the_date(ahead, trip):
    """A clock that is ahead has a positive skew, and a clock that is behind has a negative one.

    Half of the round trip is taken off. The skew is exact to about a second, because a Date header
    has whole seconds.
    """
    METER.note(WEBEX, at(ahead), trip)
    assert METER.ahead_s(WEBEX) == pytest.approx(ahead - round(trip / 2), abs=NEARLY)


def test_the_median_of_the_last_answers_counts():
    """The median of the last answers counts, so one odd answer changes nothing.

    A clock that was corrected is right after a few answers.
    """
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
def test_what_tells_nothing_is_left_out(headers, trip):
    """An answer is left out if it took too long or came from a cache, or has no readable Date."""
    METER.note(WEBEX, headers, trip)
    assert METER.ahead_s(WEBEX) is None


def test_each_cloud_has_its_own():
    """Each cloud has its own skew, and the age of Webex's events is judged by Webex's clock."""
    METER.note(MICROSOFT, at(660), 0.1)
    assert METER.ahead_s(WEBEX) is None
    assert clock_skew.now_at(clock_skew.WEBEX) - now() < timedelta(seconds=1)
    METER.note(WEBEX, at(-660), 0.1)
    assert (clock_skew.now_at(clock_skew.WEBEX) - now()).total_seconds() == pytest.approx(
        660, abs=NEARLY
    )


def test_an_old_measurement_does_not_count(monkeypatch):
    """A measurement does not count after 15 minutes, because the clock may have been set since."""
    METER.note(WEBEX, at(660), 0.1)
    later = clock_skew.time.monotonic() + 901
    monkeypatch.setattr(clock_skew.time, "monotonic", lambda: later)
    assert METER.ahead_s(WEBEX) is None


def test_the_log_tells_it_once_an_hour(redis):
    """A skew of half a minute or more is logged once an hour, by only one of the processes.

    The newest median is in Redis for 15 minutes.
    """
    with capture_logs() as logged:
        for ahead in (20, 660, 660):
            Meter(redis).note(WEBEX, at(ahead), 0.1)
        redis.delete("skew:webex:told")
        Meter(redis).note(WEBEX, at(-45), 0.1)
    told = [line for line in logged if line["event"] == "the clock is wrong"]
    ahead, behind = (line["why"] for line in told)
    assert ahead == "the clock of the bot's machine is 11 minutes ahead of Webex's"
    assert re.fullmatch(r"the clock of the bot's machine is 4[4-6] seconds behind Webex's", behind)
    assert [line["log_level"] for line in told] == ["warning", "warning"]
    assert clock_skew.shared(redis) == {WEBEX: pytest.approx(-45, abs=NEARLY)}
    assert 0 < redis.ttl("skew:webex") <= 900


async def test_the_answers_of_microsoft_measure_its_clock(make_settings):
    """Every answer of Microsoft measures its clock, whatever its status is, and no other answer.

    No answer fails because its time cannot be shared.
    """
    METER.redis = Redis(port=1, socket_connect_timeout=0.1, retry=None)
    behind = httpx.MockTransport(lambda _: httpx.Response(403, headers=at(660)))
    async with async_client(make_settings(), behind) as client:
        for service in ("contact-center", "graph"):
            assert METER.ahead_s(MICROSOFT) is None
            call = Call(service, "GET", "https://graph.microsoft.com/x")
            with pytest.raises(Forbidden):
                await request(client, call, judge_graph)
    assert METER.ahead_s(MICROSOFT) == pytest.approx(660, abs=NEARLY)
