"""Tests of the incidents in Redis: one at a time for a channel, and one card for a shared cause."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from jobs.clock import now
from jobs.model import Change, Channel, Finding, Person, RunKind, Scope, State, Text
from jobs.runs.run import UNDOES, Event, Kind, Origin, RecordedChange
from jobs.runs.run_store import RunStore
from jobs.storage import keys
from jobs.storage.locks import LockKind, LockName, renewed_lock
from jobs.storage.vault import Authenticator
from jobs.watch import history
from jobs.watch.model import ChannelState, LookOutcome, NewsKind, Sight, WatchedChannel
from jobs.watch.store import Watching
from tests.fixtures.queue_state import claimed
from tests.fixtures.run_events import answered, changing, noted

AT = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BROKEN = LookOutcome(Sight.BROKEN, "not_forwarded")
POLICY = LookOutcome(Sight.BROKEN, "smtp_auth_off_for_tenant")
GOOD = LookOutcome(Sight.HEALTHY)
OWN = Authenticator(("key",))


@pytest.fixture
def store(redis) -> Watching:
    """Return a store without incidents, and with a space for the operator."""
    return Watching(redis, OWN, "operators")


@pytest.fixture
def watch(redis):
    """Return a function that begins the watch of a mailbox in a space."""

    def begin(mailbox: str, room: str = "room-1") -> WatchedChannel:
        watched = a_watched(mailbox, room=room)
        Watching(redis, OWN).save(watched)
        return watched

    return begin


def test_two_bad_looks_open_one_incident_and_a_good_one_ends_it(store, watch):
    """A second bad look opens an incident, and a good look ends it.

    The incident stays in the list of its channel, and is in the list of open incidents only until
    it ends.
    """
    watched = watch("a@contoso.com")
    assert store.add_look(watched, BROKEN, AT) == ()
    (incident,) = store.add_look(watched, BROKEN, AT + MINUTE)
    assert store.open_incidents() == store.of_channel("a@contoso.com") == (incident,)
    assert store.open_of_channel("a@contoso.com") == incident
    assert incident.cards == (incident.id,)
    card = store.card(incident.id)
    assert (card.room, card.shared, store.of_card(card.id)) == ("room-1", "", (incident,))
    fixed = store.add_look(watched, GOOD, AT + 2 * MINUTE, lambda _: "RUN1")
    assert [each.fixed_by for each in fixed] == ["RUN1"]
    assert (store.open_incidents(), store.of_channel("a@contoso.com")) == ((), fixed)
    assert store.of_channel("a@contoso.com", AT + MINUTE) == ()
    (total,) = history.days(store.redis, "a@contoso.com", AT, 1).values()
    assert (total.broken, total.healthy) == (2, 1)


def test_workers_at_the_same_time_open_one_incident(store, watch):
    """Each look is recorded in a transaction, so workers at the same time open only one incident.

    A look that ended before a look that is already recorded does not count.
    """
    watched = watch("a@contoso.com")
    store.add_look(watched, BROKEN, AT)
    moments = [AT + MINUTE + timedelta(milliseconds=number) for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda at: store.add_look(watched, BROKEN, at), moments))
    assert len(store.of_channel("a@contoso.com")) == 1
    assert (store.add_look(watched, GOOD, AT + MINUTE), len(store.open_incidents())) == ((), 1)


@pytest.fixture
def channels(watch) -> list[WatchedChannel]:
    """Return three watched channels of a tenant, two of them in one space."""
    places = {"a@contoso.com": "room-1", "b@contoso.com": "room-1", "c@contoso.com": "room-2"}
    return [watch(mailbox, room) for mailbox, room in places.items()]


def broken(
    store: Watching, channels: list[WatchedChannel], since: datetime, outcome: LookOutcome = POLICY
):
    """Return the incidents after two looks at each channel saw a cause, of their tenant or not."""
    found = [
        store.add_look(each, outcome, since + number * MINUTE)
        for number in range(2)
        for each in channels
    ]
    return [incident for changed in found for incident in changed]


def test_a_cause_of_the_tenant_has_one_card_in_each_space(store, channels):
    """A cause that lies in the tenant has one card in each space, for all channels of the space.

    One more card in the operator's space counts the affected channels.
    """
    cards = [each.cards for each in broken(store, channels, AT)]
    assert [len(each) for each in cards] == [2, 2, 2]
    assert cards[0] == cards[1]
    assert (cards[0][0] != cards[2][0], cards[0][1] == cards[2][1]) == (True, True)
    rooms = [card and (card.room, card.counts) for card in map(store.card, cards[2])]
    assert rooms == [("room-2", False), ("operators", True)]
    shared = {store.card(name).shared for name in cards[2]}
    assert shared == {"tenant/tenant-1/smtp_auth_off_for_tenant"}
    assert len(store.of_card(cards[0][1])) == 3


def test_a_cause_of_the_tenant_that_comes_again_has_new_cards(store, channels):
    """If a cause of the tenant comes back after its incidents ended, each space gets a new card."""
    incidents = broken(store, channels, AT)
    for each in channels:
        store.add_look(each, GOOD, AT + 3 * MINUTE)
    later = broken(store, channels, AT + timedelta(days=1))
    assert len({name for each in (*incidents, *later) for name in each.cards}) == 6


def test_a_look_of_a_worker_without_the_lock_is_not_recorded(store, watch):
    """A worker that has lost the lock of the group cannot record its look.

    Another worker may have the group by then.
    """
    watched = watch("a@contoso.com")
    with renewed_lock(store.redis, LockName(LockKind.WATCH, watched.group), 20) as held:
        assert held is not None
        store.add_look(watched, BROKEN, AT, held=held)
        store.redis.delete(held.key)
        assert store.add_look(watched, BROKEN, AT + MINUTE, held=held) == ()
    assert store.open_incidents() == ()
    assert store.state("a@contoso.com").looked == AT


def test_the_end_of_the_watch_ends_the_incident(store, watch):
    """The end of the watch ends the open incident, and later looks at the channel are not recorded.

    Nobody knows then whether the channel works.
    """
    watched = watch("a@contoso.com")
    broken(store, [watched], AT, BROKEN)
    was_watched, ended = store.end("a@contoso.com", AT + 2 * MINUTE)
    assert (was_watched, ended.news[-1].kind) == (True, NewsKind.UNWATCHED)
    assert [store.add_look(watched, BROKEN, AT + n * MINUTE) for n in (3, 4)] == [(), ()]
    assert store.open_incidents() == ()


def test_what_this_bot_did_not_write_is_not_believed(store, watch):
    """A forged record gives no incident, because its MAC is wrong.

    A state that was copied from another channel's key counts as empty.
    """
    (incident,) = broken(store, [watch("a@contoso.com")], AT, BROKEN)
    key = keys.incident(incident.id)
    store.redis.set(key, Authenticator(("other",)).dump(key, incident))
    assert store.incident(incident.id) is None
    store.redis.copy(keys.watch_state("a@contoso.com"), keys.watch_state("b@contoso.com"))
    assert store.state("b@contoso.com").looked is None


def test_a_person_changes_an_incident_in_a_transaction(store, watch):
    """A person who acts on an incident is recorded once. Without a change, nothing is written."""
    (incident,) = broken(store, [watch("a@contoso.com")], AT, BROKEN)
    acting = store.take_on(incident.id, "bob@contoso.com", AT + 2 * MINUTE)
    assert acting == store.incident(incident.id)
    assert acting.acting == "bob@contoso.com"
    assert store.take_on(incident.id, "bob@contoso.com", AT + 3 * MINUTE) is None
    assert store.change(incident.id, lambda _each: None) is None
    assert store.change("gone", lambda each: each) is None


def test_the_end_of_a_run_is_a_look(redis, watch):
    """A proven fix ends the incident at its proof, and an undo of the channel ends the watch.

    After an undo of one run the channel is looked at now, and not at the next round.
    """
    runs, channel = RunStore(redis, ("key",)), Channel("a@contoso.com")
    watching = Watching(redis, OWN)
    watched = watch(channel.mailbox)
    broken(watching, [watched], AT, BROKEN)
    who, origin = watched.by, Origin("room-1", message="typed-1")
    fix = runs.open(channel, who, origin, RunKind.FIX)
    seen = Finding("agent_answer", State.OK, facts={"answered_at": (AT + 5 * MINUTE).isoformat()})
    runs.append(fix.id, answered("token_saved"), noted(seen))
    (card,) = watching.finish(runs.load(fix.id), AT + 9 * MINUTE)
    (incident,) = watching.of_channel(channel.mailbox)
    assert (incident.ended, incident.fixed_by) == (AT + 5 * MINUTE, fix.id)
    assert (incident.cards, watching.open_incidents()) == ((card,), ())
    assert watching.finish(runs.load(fix.id), AT + 9 * MINUTE) == ()
    runs.end(fix, Event(Kind.FINISHED, AT))
    undo = runs.open(channel, who, replace(origin, message="typed-2"), RunKind.UNDO)
    change = Change("smtp_auth", "M2", Text("a"), Text("b"), Text("c"), Scope.MAILBOX, "Set")
    past = RecordedChange("smtp_auth", change, Text("seen.off"), {}, {}, (fix.id,))
    back = Event(Kind.FOUND, AT, step="smtp_auth", finding=Finding("smtp_auth", State.OK))
    begun = Event(Kind.RECALLED, AT, past=(past,), data={UNDOES: fix.id}), changing("smtp_auth")
    runs.append(undo.id, *begun, back)
    watching.schedule.add(watched.group, now() + 9 * MINUTE)
    watching.finish(runs.load(undo.id), AT)
    assert watching.schedule.due(watched.group) <= now().timestamp()
    runs.append(undo.id, Event(Kind.RECALLED, AT, past=(past,)))
    watching.finish(runs.load(undo.id), AT)
    assert watching.load(channel.mailbox) is None


def test_a_fix_that_repaired_nothing_has_not_fixed_the_channel(redis, watch):
    """Its mail proves that a person has repaired the channel before."""
    runs, channel = RunStore(redis, ("key",)), Channel("a@contoso.com")
    watching, watched = Watching(redis, OWN), watch(channel.mailbox)
    broken(watching, [watched], AT, BROKEN)
    watching.finish(runs.open(channel, watched.by, Origin("room-1"), RunKind.FIX), AT + 9 * MINUTE)
    (incident,) = watching.of_channel(channel.mailbox)
    assert (incident.is_open, incident.fixed_by) == (False, "")


def a_watched(mailbox: str, tenant: str = "tenant-1", room: str = "room-1") -> WatchedChannel:
    return WatchedChannel(
        Channel(mailbox, tenant_id=tenant), room, Person("p", "anna@contoso.com"), AT
    )


def test_a_channel_is_listed_by_its_space_and_its_tenant(store):
    """A watched channel is in the lists of its space and its tenant.

    A change of the space or the tenant moves the channel to other lists.
    """
    one, two = a_watched("a@contoso.com"), a_watched("b@contoso.com", tenant="TENANT-1")
    store.save(one)
    store.save(two)
    assert store.load("a@contoso.com") == one
    assert store.of_space("room-1") == store.channels("tenant-1") == store.channels() == (one, two)
    moved = replace(two, room="room-2", channel=replace(two.channel, tenant_id="tenant-2"))
    store.save(moved)
    assert (store.of_space("room-1"), store.of_space("room-2")) == ((one,), (moved,))
    assert (store.channels("tenant-1"), store.channels("tenant-2")) == ((one,), (moved,))


def test_the_end_of_a_watch_leaves_no_list_with_the_channel(store):
    """The end of a watch takes the channel off every list.

    A second end reports that the channel was not watched.
    """
    store.save(a_watched("a@contoso.com"))
    assert [store.end("a@contoso.com", AT) for _ in range(2)] == [(True, None), (False, None)]
    assert (store.load("a@contoso.com"), store.channels(), store.of_space("room-1")) == (
        None,
        (),
        (),
    )


def test_a_record_that_this_bot_did_not_write_is_not_believed(store):
    """A forged or copied record, which could send a channel's cards elsewhere, is ignored."""
    forged = Watching(store.redis, Authenticator(("other",)))
    forged.save(a_watched("a@contoso.com", room="elsewhere"))
    store.save(a_watched("b@contoso.com"))
    store.redis.copy(keys.watched("b@contoso.com"), keys.watched("c@contoso.com"))
    assert [store.load(f"{name}@contoso.com") for name in "ac"] == [None, None]
    assert store.channels() == (a_watched("b@contoso.com"),)


def test_a_group_with_a_new_channel_is_due(store):
    """A channel that is added makes its group due, also during a round of the group."""
    store.save(a_watched("a@contoso.com"))
    assert claimed(store.redis) == ("tenant-1",)
    due = store.schedule.due("tenant-1")
    store.save(a_watched("b@contoso.com"))
    store.schedule.settle("tenant-1", due)
    assert claimed(store.redis) == ("tenant-1",)


def test_a_paused_channel_is_not_due():
    """A paused channel is not due until its pause is over."""
    other, pause = a_watched("b@contoso.com"), timedelta(hours=2)
    one, known = replace(other, paused_until=AT + pause), ChannelState(next_look=AT + MINUTE)
    late = AT + 2 * pause
    assert (known.due(one, AT), ChannelState().due(one, late)) == (AT + pause, late)
    assert (known.due(other, AT), ChannelState().due(other, AT)) == (AT + MINUTE, AT)
