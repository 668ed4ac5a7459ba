"""MACs in the history of a run: a foreign event stops the run, and the events before it count."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.fernet import Fernet
from redis import Redis

from jobs.clock import now
from jobs.model import Channel, Person, RunKind, Scope
from jobs.next_action import next_action
from jobs.runs import trust
from jobs.runs.event_log import NOT_AUDITED, distrust, foreign_event
from jobs.runs.rekeying import doubts
from jobs.runs.run import Event, ForeignRunError, Kind, Origin, Run, RunEndedError, opening
from jobs.runs.run_store import RunStore
from jobs.storage import codec, keys
from tests.fixtures.queue_state import claimed

KEY = Fernet.generate_key().decode()
MAILBOX = "support@contoso.com"
CHANNEL = Channel(MAILBOX, "https://uk.webexconnect.io/callback", "x1@mail.webexconnect.io")
ASKER = Person("person-1", "anna@contoso.com", "org-1")
PLAN = {"plan": "0123456789abcdef"}
APPROVED = Event(Kind.APPROVED, now(), by="anna@contoso.com", data={**PLAN, "scope": "mailbox"})


@pytest.fixture
def store(redis: Redis) -> RunStore:
    """Return a store of runs with an encryption key."""
    return RunStore(redis, (KEY,))


@pytest.fixture
def run(store: RunStore) -> Run:
    """Return a run with a plan that nobody has approved."""
    opened = store.open(CHANNEL, ASKER, Origin("room-1", message="m1"))
    store.append(opened.id, Event(Kind.DETAILS, now(), channel=CHANNEL))
    store.append(opened.id, Event(Kind.PLANNED, now(), data=PLAN))
    return store.load(opened.id)


def lines_of(store: RunStore, run_id: str) -> list[bytes]:
    """Return the lines of the run's history in Redis."""
    return list(map(codec.as_bytes, store.redis.lrange(keys.run_events(run_id), 0, -1)))


def distrusted(store: RunStore, run: Run) -> str:
    """Return the cause why the audit trail contradicts the run, or an empty string."""
    try:
        trust.require_audited(store, run)
    except trust.UntrustedError as error:
        return error.cause
    return ""


def rewrite(store: RunStore, run_id: str, lines: list[bytes]) -> None:
    """Replace the run's history in Redis."""
    store.redis.delete(keys.run_events(run_id))
    store.redis.rpush(keys.run_events(run_id), *lines)


def test_a_forged_approval_stops_the_run(store: RunStore, run: Run):
    """A forged approval grants nothing and stops the run, whether all or only new events are read.

    An operator sees it on the list of foreign entries.
    """
    store.redis.rpush(keys.run_events(run.id), codec.dump(APPROVED))
    for read in (store.load(run.id), store.refresh(run)):
        assert (read.approvals, read.ended, read.version) == ({}, Kind.FAILED, run.version)
        assert (foreign_event(read), distrust(read)) == (4, next_action(read).words)
    with pytest.raises(RunEndedError):
        store.append(run.id, Event(Kind.RUNNING, now(), step="ids"))
    with pytest.raises(RunEndedError):
        store.confirm(run.id)
    assert doubts(store).foreign == [f"run:{run.id}:events, entry 4 of {CHANNEL.mailbox}"]


def test_every_place_and_every_change_is_found(store: RunStore, run: Run):
    """An event that was changed, repeated, moved or removed stops the run at its place."""
    first, second, third = lines_of(store, run.id)
    forwarded = second.replace(b"x1@mail.webexconnect.io", b"x2@evil.example.webexco")
    assert forwarded != second
    for lines, place in (
        ([first, forwarded, third], 2),
        ([first, second, second, third], 3),
        ([first, third, second], 2),
        ([first, third], 2),
        ([first, second, third, third], 4),
    ):
        rewrite(store, run.id, lines)
        assert foreign_event(store.load(run.id)) == place


def test_the_beginning_is_covered(store: RunStore, run: Run):
    """A run whose first event was changed cannot be loaded.

    So a forged brief or channel is never used.
    """
    first, *rest = lines_of(store, run.id)
    changed = first.replace(b"uk.webexconnect.io", b"evil.example.local")
    rewrite(store, run.id, [changed, *rest])
    with pytest.raises(ForeignRunError):
        store.load(run.id)
    assert (changed != first, doubts(store).foreign) == (True, [f"run:{run.id}:events, entry 1"])


def test_an_event_of_another_run_does_not_count(store: RunStore, run: Run):
    """An approval that was copied from another run with the same plan does not count."""
    other = store.open(Channel("sales@contoso.com"), ASKER, Origin("room-1", message="m2"))
    store.append(other.id, Event(Kind.DETAILS, now(), channel=CHANNEL))
    store.append(other.id, Event(Kind.PLANNED, now(), data=PLAN), APPROVED)
    assert list(store.load(other.id).approvals) == [Scope.MAILBOX]
    store.redis.rpush(keys.run_events(run.id), lines_of(store, other.id)[-1])
    assert store.load(run.id).approvals == {}


def test_a_history_that_is_cut_off_is_an_older_state(store: RunStore, run: Run):
    """If somebody deletes a run's last event, the run is in its earlier state, and not trusted.

    The audit trail still has the deleted approval.
    """
    store.append(run.id, APPROVED)
    store.redis.ltrim(keys.run_events(run.id), 0, -2)
    assert (store.load(run.id), distrusted(store, run)) == (run, "run_set_back")
    assert [name.partition(" ")[0] for name in trust.older_runs(store)] == [f"run:{run.id}:events"]


@pytest.mark.parametrize("end", [Kind.CANCELLED, Kind.FINISHED, Kind.FAILED, Kind.SIGNED_OUT])
def test_an_approval_that_is_brought_back_does_not_count(store: RunStore, run: Run, end: Kind):
    """An approved run that somebody sets back to the time before its end is not trusted.

    It is not trusted either after it has got more events, or another real approval.
    """
    store.append(run.id, APPROVED)
    copy = lines_of(store, run.id)
    approved = store.load(run.id)
    trust.require_audited(store, approved)
    store.end(approved, Event(end, now()))
    assert list(trust.older_runs(store)) == []
    rewrite(store, run.id, copy)
    for more in ([], [Event(Kind.RESUMED, now())], [replace(APPROVED, at=now())]):
        if more:
            store.append(run.id, *more)
        assert distrusted(store, store.load(run.id)) == "run_set_back"
        assert len(list(trust.older_runs(store))) == 1


def test_an_earlier_run_of_the_same_name_is_another_one(store: RunStore, run: Run):
    """Entries of a removed run do not count against a later run that has got the same ID."""
    store.append(run.id, APPROVED)
    store.redis.delete(keys.run_events(run.id))
    assert list(trust.older_runs(store)) == []
    store.append(run.id, opening(CHANNEL, ASKER, RunKind.SETUP, Origin("room-1")), APPROVED)
    trust.require_audited(store, store.load(run.id))
    assert list(trust.older_runs(store)) == []


def test_two_pasts_of_a_run_do_not_mix(store: RunStore, run: Run):
    """An event that was cut off does not count if somebody puts it behind newer events."""
    store.append(run.id, APPROVED)
    approval = lines_of(store, run.id)[-1]
    store.redis.ltrim(keys.run_events(run.id), 0, -2)
    store.append(run.id, Event(Kind.SIGNED_OUT, now()))
    store.redis.rpush(keys.run_events(run.id), approval)
    assert (store.load(run.id).approvals, foreign_event(store.load(run.id))) == ({}, 5)


def test_a_stopped_run_is_recorded_once_and_frees_its_mailbox(store: RunStore, run: Run):
    """A stopped run is recorded once, is no longer due, and no longer holds its mailbox."""
    store.redis.rpush(keys.run_events(run.id), codec.dump(APPROVED))
    for _ in range(3):
        store.schedule.add(run.id, now())
        trust.stop(store, run.id, 4, MAILBOX)
    told = [line for line in store.audit.entries() if b'"foreign_event"' in line]
    assert (len(told), claimed(store.redis), store.channels.holder(MAILBOX)) == (1, (), "")
    assert (MAILBOX.encode() in told[0], store.audit.verify().broken_at) == (True, 0)


@pytest.mark.parametrize("place", ["the end", "the beginning"])
def test_a_stopped_run_holds_no_mailbox(store: RunStore, run: Run, place: str):
    """Another run can use the mailbox of a stopped run even before a worker has seen the stop."""
    if place == "the end":
        store.redis.rpush(keys.run_events(run.id), codec.dump(APPROVED))
    else:
        store.redis.lset(keys.run_events(run.id), 0, codec.dump(APPROVED).decode())
    again = store.open(CHANNEL, ASKER, Origin("room-1", message="m3"))
    assert (store.channels.running(MAILBOX), run.id in claimed(store.redis)) == (again.id, True)


def test_a_run_that_had_ended_stays_as_it_ended(store: RunStore, run: Run):
    """Lines that somebody adds after a run's end change nothing, but an operator can see them."""
    store.end(run, Event(Kind.CANCELLED, now()))
    store.redis.rpush(keys.run_events(run.id), codec.dump(APPROVED))
    read = store.load(run.id)
    assert (read.ended, read.approvals, foreign_event(read)) == (Kind.CANCELLED, {}, 5)


def test_an_approval_is_in_the_trail_or_does_not_count(store: RunStore, run: Run):
    """An approval counts only with its entry in the audit trail.

    The entry must be unchanged, must be found also behind many later ones, and must be under a
    valid seal.
    """
    store.append(run.id, APPROVED)
    run = store.load(run.id)
    word = run.approvals[Scope.MAILBOX]
    for _ in range(600):  # more than one slice of the search
        store.audit.add({"what": "refused"})
    assert distrusted(store, run) == ""
    assert distrusted(store, replace(run, approvals={Scope.TENANT: word})) == NOT_AUDITED
    assert distrusted(store, replace(run, id="OTHER2")) == NOT_AUDITED
    entries = store.audit.entries()
    place = next(number for number, line in enumerate(entries) if b'"approved"' in line)
    store.redis.lset(keys.audit_entries(), place, entries[place].decode().replace("anna", "emma"))
    assert distrusted(store, run) == NOT_AUDITED
    store.redis.lset(keys.audit_entries(), place, entries[place].decode())
    assert distrusted(store, run) == ""
    head = store.redis.getdel(keys.audit_head())
    assert (head is not None, distrusted(store, run)) == (True, NOT_AUDITED)
    store.audit.add({"what": "refused"})  # after an entry that says that the end was in doubt
    assert distrusted(store, run) == NOT_AUDITED


def test_a_channel_has_its_own_record(store: RunStore, run: Run):
    """A channel's record that another client changed or copied does not count.

    An operator sees it on the list of foreign entries.
    """
    store.end(run, Event(Kind.FINISHED, now()))
    raw = codec.as_bytes(store.redis.get(keys.channel_record(MAILBOX)) or b"")
    assert store.channels.record(MAILBOX) is not None
    other = raw.replace(b"x1@mail.webexconnect.io", b"x2@mail.webexconnect.io")
    for name, value in ((MAILBOX, other), ("sales@contoso.com", raw)):
        store.redis.set(keys.channel_record(name), value)
        assert store.channels.record(name) is None
    assert len(doubts(store).foreign) == 2


def test_an_undo_takes_only_the_runs_of_its_mailbox(store: RunStore, run: Run):
    """A run that somebody put on another mailbox's list is not undone with that mailbox."""
    store.redis.zadd(keys.channel_runs("sales@contoso.com"), {run.id: 1})
    assert [each.id for each in store.runs_of_mailbox(MAILBOX)] == [run.id]
    assert store.runs_of_mailbox("sales@contoso.com") == ()
