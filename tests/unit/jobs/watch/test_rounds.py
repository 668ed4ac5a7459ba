"""Tests of a round of the watch, with scripted looks, virtual time, and no clouds."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from jobs.clock import now
from jobs.model import Channel, Person
from jobs.storage import keys
from jobs.storage.vault import Authenticator
from jobs.watch.model import LookOutcome, Sight, WatchedChannel, read_interval, read_span, written
from jobs.watch.store import Watching, ping, run_round

BEGAN = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)
A, B = "a@contoso.com", "b@contoso.com"
GOOD, BROKEN = LookOutcome(Sight.HEALTHY), LookOutcome(Sight.BROKEN, "not_forwarded")


@dataclass
class Script:
    """Look with scripted answers, and the time of the simulation."""

    at: datetime = BEGAN
    answers: dict[str, LookOutcome] = field(default_factory=dict)
    stops_after: int = 99

    async def __call__(self, channels: tuple[WatchedChannel, ...]):
        """Yield the answers, one a second."""
        for watched in channels[: self.stops_after]:
            self.at += timedelta(seconds=1)
            yield watched, self.answers.get(watched.mailbox, GOOD)


@pytest.fixture
def watching(redis) -> Watching:
    """Return a watch of two channels of one tenant, looked at every 15 minutes."""
    made = Watching(redis, Authenticator(("key",)))
    for mailbox in (A, B):
        channel = Channel(mailbox, tenant_id="t")
        made.save(WatchedChannel(channel, "room-1", Person("p", "anna@c.com"), BEGAN))
    return made


def one_round(watching: Watching, script: Script, changed=None):
    told = changed if changed is not None else []
    return asyncio.run(run_round(watching, "t", script, lambda: script.at, changed=told.append))


def test_only_what_is_due_is_looked_at(watching):
    """A round looks only at the channels that are due.

    Both channels are due at first, none is a moment later, and the channel under suspicion is due
    after a minute. Both are due once more as soon as the clock is set back by hours.
    """
    script = Script(answers={A: BROKEN})
    assert one_round(watching, script)[0] == 2
    assert one_round(watching, script)[0] == 0
    script.at = BEGAN + timedelta(seconds=61)
    assert watching.next_of("t", script.at) == script.at
    told = []
    assert (one_round(watching, script, told)[0], [each.mailbox for each in told]) == (1, [A])
    next_due = watching.next_of("t", script.at) or script.at
    assert timedelta(0) < next_due - script.at <= timedelta(minutes=15)
    script.at -= timedelta(hours=3)
    assert [one_round(watching, script)[0] for _ in range(2)] == [2, 0]


def test_what_was_left_is_still_due(watching):
    """If a round stops early, the remaining channels stay due, and the next round looks at them."""
    script = Script(stops_after=1)
    assert one_round(watching, script)[1] == 1
    assert (watching.next_of("t", script.at) or now()) <= script.at
    script.stops_after = 99
    assert one_round(watching, script)[0] == 1


def test_a_channel_that_is_watched_no_more_is_not_recorded(watching):
    """A channel whose watch has ended is not looked at, and its group is not due any more."""
    script = Script()
    watching.end(A, script.at)
    assert one_round(watching, script)[0] == 1
    assert watching.end(B, script.at) == (True, None)
    assert (watching.next_of("t", script.at), one_round(watching, script)[0]) == (None, 0)


@pytest.mark.parametrize(
    ("minutes", "paused_minutes", "gap"), [(46, 0, True), (44, 0, False), (90, 80, False)]
)
def test_a_gap_is_longer_than_three_intervals(watching, minutes, paused_minutes, gap):
    """A time without looks is reported if it is longer than three intervals.

    A pause does not count. Each space gets one message for all its channels.
    """
    script = Script()
    one_round(watching, script)
    at = script.at + timedelta(minutes=minutes)
    if paused_minutes:
        until = script.at + timedelta(minutes=paused_minutes)
        for each in watching.channels("t"):
            watching.save(replace(each, paused_until=until))
    watching.note_gaps("t", at)
    assert watching.gaps_due(at) == {}
    due = watching.gaps_due(at + timedelta(minutes=2))
    told = {room: [each.mailbox for each in gaps] for room, gaps in due.items()}
    assert told == ({"room-1": [A, B]} if gap else {})
    if gap:
        watching.forget_gaps(due["room-1"])
        assert watching.gaps_due(at + timedelta(minutes=2)) == {}


@pytest.mark.parametrize(
    ("typed", "minutes"),
    [
        *[("90 min", 90), ("2H", 120), ("0m", 0), ("1 Std.", 60), ("3 days", 4320)],
        *[("", None), ("m", None), ("5 weeks", None), ("5m off", None)],
    ],
)
def test_a_span(typed, minutes):
    """A typed time span is read in English or German. Any other text gives None."""
    assert read_span(typed) == (None if minutes is None else timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("typed", "good"), [("4m", False), ("5m", True), ("1d", True), ("25h", False), ("x", False)]
)
def test_an_interval_has_limits(typed, good):
    """The time between two looks may be from five minutes to a day."""
    assert (read_interval(typed) is not None) is good


@pytest.mark.parametrize(
    ("minutes", "text"), [(15, "15m"), (60, "1h"), (90, "90m"), (1440, "1d"), (2880, "2d")]
)
def test_a_span_is_written_as_it_is_typed(minutes, text):
    """A time span is written in the largest unit that fits without a remainder."""
    assert written(timedelta(minutes=minutes)) == text


@pytest.mark.slow
def test_a_round_is_told_at_most_once_a_minute(redis, watching, outside, free_port):
    """The setting is optional, and a service that is away changes nothing."""
    url, at = f"{outside.on('GET /ping', {}).base}/ping", now()
    assert [ping(url, watching, at) for _ in range(2)] == [True, False]
    redis.delete(keys.watch_pinged())
    assert ping(url, watching, at)
    assert [each[0] for each in outside.asked] == ["GET /ping"] * 2
    redis.delete(keys.watch_pinged())
    assert not ping("", watching, at)
    assert not ping(f"http://127.0.0.1:{free_port}/ping", watching, at)


@pytest.mark.slow
def test_a_late_watch_is_silent(outside, watching):
    """The watch is late if a group has waited for a worker for more than five minutes.

    The monitoring service then hears nothing. A group that a worker has does not count as late.
    """
    begun, url = now(), f"{outside.on('GET /ping', {}).base}/ping"
    assert not ping(url, watching, begun + timedelta(minutes=6))
    assert ping(url, watching, begun + timedelta(minutes=4))
    watching.schedule.extend("t")
    assert watching.lateness(now()) <= timedelta(0)
