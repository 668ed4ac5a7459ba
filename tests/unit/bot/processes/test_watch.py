"""RQ entry point of the watch: one worker per group, and no more looks at an undone channel."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.processes import watch
from jobs.clock import now
from jobs.model import Channel, Person, RunKind
from jobs.runs.run import Event, Kind, Origin
from jobs.runs.run_store import Record
from jobs.storage import keys
from jobs.storage.locks import LockKind, LockName, renewed_lock
from jobs.watch.model import ChannelState, LookOutcome, Sight, WatchedChannel
from tests.fixtures.queue_state import claimed
from tests.fixtures.run_events import answered

MAILBOX = "support@example.test"


@pytest.fixture
def watched(services, begin) -> WatchedChannel:
    """Connected channel that is watched, and due."""
    services.store.end(begin(), Event(Kind.FINISHED, now()))
    record = services.channels.record(MAILBOX)
    made = WatchedChannel(record.channel, "room-1", Person("p", "anna@example.test"), now())
    services.watching.save(made)
    return made


@pytest.fixture(autouse=True)
def answer(monkeypatch) -> None:
    """Make the clouds say that each channel works."""

    class Look:
        def __init__(self, *_: object) -> None:
            """Accept any arguments and ignore them."""

        async def __call__(self, channels: tuple[WatchedChannel, ...]):
            for each in channels:
                yield each, LookOutcome(Sight.HEALTHY)

    monkeypatch.setattr(watch, "CloudLook", Look)


def test_a_round_says_when_the_group_is_due_again(services, watched):
    """After a round, the group is due again at the time of its channel's next look.

    That is within one interval, and at most an hour ahead.
    """
    watch.look(watched.group)
    state = services.watching.state(MAILBOX)
    assert (state.last and state.last.sight) is Sight.HEALTHY
    due = services.watching.schedule.all()[watched.group]
    assert abs(due - (state.next_look or now())) < timedelta(seconds=1)


def test_other_groups_that_are_due_are_looked_at_in_the_same_job(services, watched):
    """The job of one group also looks at other groups that are due.

    A group that is not due is left alone.
    """
    for name in ("sales@example.test", "later@example.test"):
        channel = Channel(name, tenant_id=name.partition("@")[0])
        services.channels.keep(Record("SEEDED", now(), channel))
        services.watching.save(replace(watched, channel=channel))
    later = services.watching.load("later@example.test")
    assert later is not None
    services.watching.add_look(later, LookOutcome(Sight.HEALTHY), now())
    before = services.watching.state("later@example.test")
    assert claimed(services.redis)
    watch.look(watched.group)
    for each in (MAILBOX, "sales@example.test"):
        assert services.watching.state(each).looked
    assert services.watching.state("later@example.test") == before


def test_a_round_that_fails_stops_no_other(services, watched):
    """If the round of a group fails, the job looks at the other groups all the same."""
    channel = Channel("sales@example.test", tenant_id="sales")
    services.watching.save(replace(watched, channel=channel))
    key = keys.channel_record(channel.mailbox)
    services.redis.set(key, services.store.authenticator.dump(key, {"run": "by another version"}))
    watch.look("sales")
    assert services.watching.state(MAILBOX).looked


def test_a_group_that_another_worker_has_is_left_alone(services, watched):
    """A group that another worker has is left alone, so no group is looked at twice at once."""
    with renewed_lock(services.redis, LockName(LockKind.WATCH, watched.group), 20):
        watch.look(watched.group)
    assert services.watching.state(MAILBOX) == ChannelState()


def test_an_earlier_fix_has_not_ended_a_later_break(services, watched):
    """The same cause within two hours continues the incident, which a fix had ended in between."""
    watching, seen = services.watching, LookOutcome(Sight.BROKEN, "not_forwarded")
    good, minute = LookOutcome(Sight.HEALTHY), timedelta(minutes=1)
    ago = now() - 30 * minute
    for number, each in enumerate((seen, seen, good)):
        watching.add_look(watched, each, ago + number * minute)
    fix = services.store.open(watched.channel, watched.by, Origin("room-1"), RunKind.FIX)
    services.store.append(fix.id, answered("token_saved"))
    services.store.end(fix, Event(Kind.FINISHED, ago + 3 * minute))
    for number, each in enumerate((seen, seen, good, good, good), 4):
        watching.add_look(watched, each, ago + number * minute)
    watch.look(watched.group)
    (incident,) = watching.of_channel(MAILBOX)
    assert (incident.is_open, incident.flaps, incident.fixed_by) == (False, 1, "")


def test_a_fix_that_waits_for_the_agent_has_ended_the_break(services, watched):
    """The setting is right again as soon as the fix has changed it, before its mail is answered."""
    seen = LookOutcome(Sight.BROKEN, "not_forwarded")
    for minutes in (30, 29):
        services.watching.add_look(watched, seen, now() - timedelta(minutes=minutes))
    fix = services.store.open(watched.channel, watched.by, Origin("room-1"), RunKind.FIX)
    services.store.append(fix.id, answered("token_saved"))
    watch.look(watched.group)
    (incident,) = services.watching.of_channel(MAILBOX)
    assert (incident.is_open, incident.fixed_by) == (False, fix.id)


def test_an_undone_channel_is_watched_no_more(services, watched):
    """A channel whose setup was undone is no longer watched, and its incident ends.

    The incident's card then says that nobody looks at the channel any more.
    """
    broken = LookOutcome(Sight.BROKEN, "not_forwarded")
    for _ in range(2):
        services.watching.add_look(watched, broken, now())
    incident = services.watching.open_of_channel(MAILBOX)
    assert incident is not None
    with services.redis.pipeline() as pipe:
        services.channels.remove(pipe, MAILBOX, ())
        pipe.execute()
    watch.look(watched.group)
    assert services.watching.channels() == ()
    assert services.watching.open_incidents() == ()
    assert services.cards.due(incident.id) > 0
    assert services.watching.schedule.all() == {}


def test_a_channel_is_taken_as_its_last_run_has_left_it(services, watched):
    """The watch takes a channel's data as its last run has left them.

    A fix may have learned the channel's tenant, so the channel belongs to another group from then
    on.
    """
    services.watching.save(replace(watched, channel=Channel(MAILBOX, tenant_id="before")))
    watch.look("before")
    assert services.watching.load(MAILBOX).channel == watched.channel
    assert watched.group in services.watching.schedule.all()
