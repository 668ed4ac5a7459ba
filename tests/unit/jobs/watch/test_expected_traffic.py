"""Tests of the mails that are expected in each hour of the week.

They are learned from good looks, and only have a silent channel looked at earlier.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis

from jobs.model import Channel, Person
from jobs.watch import expected_traffic
from jobs.watch.expected_traffic import HOUR, Traffic, expected, hinted, is_silent, learned
from jobs.watch.incident_store import IncidentStore
from jobs.watch.model import ChannelState, Eye, LookOutcome, Sight, WatchedChannel
from jobs.watch.watch_store import WatchStore

MONDAY = datetime(2026, 9, 7, 0, 0, tzinfo=UTC)
INTERVAL = timedelta(minutes=15)
DAY = range(7, 19)


def look(at: datetime, mails: int = 10, hours: range = DAY, **more: object) -> LookOutcome:
    """Return a good look at the last 40 hours, with so many mails in each daytime hour."""
    last = at.replace(minute=0, second=0, microsecond=0)
    seen = (last - number * HOUR for number in range(1, 41))
    found = {each.isoformat(): mails for each in seen if each.hour in hours}
    outcome = LookOutcome(Sight.HEALTHY, eyes=(Eye.APP,), mails=found)
    return replace(outcome, **more)  # type: ignore[arg-type]  # fields of the outcome


def after(weeks: int) -> tuple[Traffic, datetime]:
    """Return the traffic learned in so many weeks, and the time at their end.

    There is a good look every six hours.
    """
    traffic, at = Traffic(), MONDAY
    while at < MONDAY + weeks * timedelta(days=7):
        traffic = learned(traffic, look(at), at)
        at += 6 * HOUR
    return traffic, at


def test_the_day_is_learned_and_the_night():
    """After some weeks ten mails are expected in an hour of the day, and none at night."""
    traffic, _ = after(4)
    assert expected(traffic, MONDAY + 10 * HOUR) == pytest.approx(10)
    assert expected(traffic, MONDAY + 2 * HOUR) == 0


def test_an_hour_at_the_edge_of_the_day_is_expected_to_be_quiet():
    """No mail is expected in the first and the last hour of the working day.

    Summer time may move the day by an hour.
    """
    traffic, _ = after(4)
    assert (expected(traffic, MONDAY + 7 * HOUR), expected(traffic, MONDAY + 18 * HOUR)) == (0, 0)


def test_one_week_is_no_habit():
    """After only one week no mails are expected, so missing mail is not treated as silence."""
    traffic, at = after(1)
    assert expected(traffic, MONDAY + 10 * HOUR) == 0
    assert not is_silent(traffic, look(at + 13 * HOUR, 0), at + 13 * HOUR)


def test_silence_by_day_is_a_hint_and_at_night_it_is_none():
    """A channel is silent if no mail came from 10 to 13, although thirty were expected.

    One mail in that time, or no mail at night, is not silence.
    """
    traffic, at = after(4)
    noon, night = at + 13 * HOUR, at + 5 * HOUR
    assert is_silent(traffic, look(noon, 0), noon)
    assert not is_silent(traffic, look(noon, 1), noon)
    assert not is_silent(traffic, look(night, 0), night)


@pytest.mark.parametrize(
    "blind",
    [
        {"eyes": ()},
        {"unseen": ("arrivals",)},
        {"sight": Sight.UNSURE},
        {"sight": Sight.CANNOT_LOOK},
    ],
)
def test_a_look_that_did_not_read_the_arrivals_says_nothing(blind: dict[str, object]):
    """A look that could not read the arrived mails teaches nothing, and does not prove silence."""
    traffic, at = after(4)
    noon = at + 13 * HOUR
    assert not is_silent(traffic, look(noon, 0, **blind), noon)
    assert learned(traffic, look(noon, **blind), noon) == traffic


def test_a_broken_channel_is_not_learned():
    """A look at a broken channel teaches nothing, because a long break would become the habit."""
    traffic, at = after(4)
    noon = at + 13 * HOUR
    assert learned(traffic, look(noon, 0, sight=Sight.BROKEN), noon) == traffic


def test_a_new_habit_replaces_the_old_one():
    """After four weeks without customers' mail, almost no mail is expected."""
    traffic, at = after(4)
    for _ in range(4 * 6 * 7):
        traffic = learned(traffic, look(at, 0), at)
        at += 6 * HOUR
    assert expected(traffic, MONDAY + 10 * HOUR) < 3


def test_the_hint_changes_only_the_next_look():
    """If a channel is silent, its next look comes after a third of the interval at the latest.

    Nothing else changes, so silence alone raises no suspicion.
    """
    traffic, at = after(4)
    noon = at + 13 * HOUR
    state = ChannelState(looked=noon, next_look=noon + INTERVAL, healthy_looks=3)
    changed = hinted(state, traffic, look(noon, 0), noon, INTERVAL)
    assert changed == replace(state, next_look=noon + timedelta(minutes=5))
    assert hinted(state, traffic, look(noon, 1), noon, INTERVAL) == state
    soon = replace(state, next_look=noon + timedelta(minutes=1))
    assert hinted(soon, traffic, look(noon, 0), noon, INTERVAL) == soon


def test_silence_for_days_makes_no_incident(redis: Redis):
    """A silent channel is looked at more often, but no incident begins, so nobody is notified."""
    channels, incidents = WatchStore(redis), IncidentStore(redis)
    watched = WatchedChannel(
        Channel("support@contoso.com", tenant_id="t"), "room-1", Person("p", "a@b.c"), MONDAY
    )
    channels.save(watched, at=MONDAY)
    traffic, at = after(4)
    with redis.pipeline() as pipe:
        expected_traffic.write(pipe, watched.mailbox, traffic)
        pipe.execute()
    noon = at + 13 * HOUR
    pauses = []
    for number in range(20):
        moment = noon + number * timedelta(minutes=5)
        assert incidents.record(watched, look(moment, 0), moment) == ()
        state = incidents.state(watched.mailbox)
        assert state.next_look is not None
        assert (state.suspicion, state.incident) == (None, "")
        pauses.append(state.next_look - moment)
    assert max(pauses) <= timedelta(minutes=5)


def test_what_was_learned_is_kept_in_less_than_two_kilobytes(redis: Redis):
    """The learned traffic is one small value for each channel.

    If the value in Redis cannot be read, nothing counts as learned.
    """
    traffic, _ = after(4)
    with redis.pipeline() as pipe:
        expected_traffic.write(pipe, "a@b.c", traffic)
        pipe.execute()
        assert expected_traffic.read(pipe, "a@b.c") != traffic  # queued, not read yet
        pipe.reset()
    with redis.pipeline() as pipe:
        pipe.watch("watch:traffic:a@b.c")  # type: ignore[no-untyped-call]  # untyped in redis-py
        assert expected_traffic.read(pipe, "a@b.c") == traffic
        assert int(redis.strlen("watch:traffic:a@b.c")) < 2048
        redis.set("watch:traffic:a@b.c", b"[1]")
        assert expected_traffic.read(pipe, "a@b.c") == Traffic()
