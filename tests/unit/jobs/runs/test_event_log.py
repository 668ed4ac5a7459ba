"""MACs in the history of a run: a foreign event stops the run, and the events before it count."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from hypothesis import given, strategies as some

from jobs.clock import now
from jobs.model import Change, Channel, Finding, Person, RunKind, Scope, State, Text
from jobs.next_action import next_action, stage_of
from jobs.runs import trust
from jobs.runs.event_log import NOT_AUDITED, ForeignRunError, distrust, doubt, foreign_event
from jobs.runs.fold import fold
from jobs.runs.rekeying import Rekeying, doubts
from jobs.runs.run import (
    Event,
    Kind,
    LeaseLostError,
    Origin,
    Run,
    RunEndedError,
    RunGoneError,
    opening,
)
from jobs.runs.run_store import RunStore
from jobs.storage import codec, keys
from tests.fixtures.copies import replace
from tests.fixtures.queue_state import claimed
from tests.unit.jobs.runs.test_run import OPENED, TABLE

KEY = Fernet.generate_key().decode()
MAILBOX = "support@contoso.com"
CHANNEL = Channel(MAILBOX, "https://uk.webexconnect.io/callback", "x1@mail.webexconnect.io")
ASKER = Person("person-1", "anna@contoso.com", "org-1")
PLAN = {"plan": "0123456789abcdef"}
APPROVED = Event(Kind.APPROVED, now(), by="anna@contoso.com", data={**PLAN, "scope": "mailbox"})


@pytest.fixture
def store(redis) -> RunStore:
    """Return a store of runs with an encryption key."""
    return RunStore(redis, (KEY,))


@pytest.fixture
def run(store) -> Run:
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


def test_a_forged_approval_stops_the_run(store, run):
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
    assert doubts(store)["foreign"] == [f"run:{run.id}:events, entry 4 of {CHANNEL.mailbox}"]


def test_every_place_and_every_change_is_found(store, run):
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


def test_the_beginning_is_covered(store, run):
    """A run whose first event was changed cannot be loaded.

    So a forged brief or channel is never used.
    """
    first, *rest = lines_of(store, run.id)
    changed = first.replace(b"uk.webexconnect.io", b"evil.example.local")
    rewrite(store, run.id, [changed, *rest])
    with pytest.raises(ForeignRunError):
        store.load(run.id)
    assert changed != first
    assert doubts(store)["foreign"] == [f"run:{run.id}:events, entry 1"]


def test_an_event_of_another_run_does_not_count(store, run):
    """An approval that was copied from another run with the same plan does not count."""
    other = store.open(Channel("sales@contoso.com"), ASKER, Origin("room-1", message="m2"))
    store.append(other.id, Event(Kind.DETAILS, now(), channel=CHANNEL))
    store.append(other.id, Event(Kind.PLANNED, now(), data=PLAN), APPROVED)
    assert list(store.load(other.id).approvals) == [Scope.MAILBOX]
    store.redis.rpush(keys.run_events(run.id), lines_of(store, other.id)[-1])
    assert store.load(run.id).approvals == {}


def test_a_history_that_is_cut_off_is_an_older_state(store, run):
    """If somebody deletes a run's last event, the run is in its earlier state, and not trusted.

    The audit trail still has the deleted approval.
    """
    store.append(run.id, APPROVED)
    store.redis.ltrim(keys.run_events(run.id), 0, -2)
    assert (store.load(run.id), distrusted(store, run)) == (run, "run_set_back")
    assert [name.partition(" ")[0] for name in trust.older_runs(store)] == [f"run:{run.id}:events"]


@pytest.mark.parametrize("end", [Kind.CANCELLED, Kind.FINISHED, Kind.FAILED, Kind.SIGNED_OUT])
def test_an_approval_that_is_brought_back_does_not_count(store, run, end):
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


def test_an_earlier_run_of_the_same_name_is_another_one(store, run):
    """Entries of a removed run do not count against a later run that has got the same ID."""
    store.append(run.id, APPROVED)
    store.redis.delete(keys.run_events(run.id))
    assert list(trust.older_runs(store)) == []
    store.append(run.id, opening(CHANNEL, ASKER, RunKind.SETUP, Origin("room-1")), APPROVED)
    trust.require_audited(store, store.load(run.id))
    assert list(trust.older_runs(store)) == []


def test_two_pasts_of_a_run_do_not_mix(store, run):
    """An event that was cut off does not count if somebody puts it behind newer events."""
    store.append(run.id, APPROVED)
    approval = lines_of(store, run.id)[-1]
    store.redis.ltrim(keys.run_events(run.id), 0, -2)
    store.append(run.id, Event(Kind.SIGNED_OUT, now()))
    store.redis.rpush(keys.run_events(run.id), approval)
    assert (store.load(run.id).approvals, foreign_event(store.load(run.id))) == ({}, 5)


def test_a_stopped_run_is_recorded_once_and_frees_its_mailbox(store, run):
    """A stopped run is recorded once, is no longer due, and no longer holds its mailbox.

    A foreign event in another place is recorded, too.
    """
    store.redis.rpush(keys.run_events(run.id), codec.dump(APPROVED))
    for _ in range(3):
        store.schedule.add(run.id, now())
        trust.stop(store, run.id, 4, MAILBOX)
    told = [line for line in store.audit.entries() if b'"foreign_event"' in line]
    assert (len(told), claimed(store.redis), store.channels.holder(MAILBOX)) == (1, (), "")
    assert (MAILBOX.encode() in told[0], store.audit.verify().broken_at) == (True, 0)
    trust.stop(store, run.id, 2, MAILBOX)
    assert len([line for line in store.audit.entries() if b'"foreign_event"' in line]) == 2


@pytest.mark.parametrize("place", ["the end", "the beginning"])
def test_a_stopped_run_holds_no_mailbox(store, run, place):
    """Another run can use the mailbox of a stopped run even before a worker has seen the stop."""
    if place == "the end":
        store.redis.rpush(keys.run_events(run.id), codec.dump(APPROVED))
    else:
        store.redis.lset(keys.run_events(run.id), 0, codec.dump(APPROVED).decode())
    again = store.open(CHANNEL, ASKER, Origin("room-1", message="m3"))
    assert (store.channels.running(MAILBOX), run.id in claimed(store.redis)) == (again.id, True)


def test_a_run_that_had_ended_stays_as_it_ended(store, run):
    """Lines that somebody adds after a run's end change nothing, but an operator can see them."""
    store.end(run, Event(Kind.CANCELLED, now()))
    store.redis.rpush(keys.run_events(run.id), codec.dump(APPROVED))
    read = store.load(run.id)
    assert (read.ended, read.approvals, foreign_event(read)) == (Kind.CANCELLED, {}, 5)


def test_an_approval_is_in_the_trail_or_does_not_count(store, run):
    """An approval counts only with its entry in the audit trail.

    The entry must be unchanged, must be found also behind many later ones, and must be under a
    valid seal.
    """
    store.append(run.id, APPROVED)
    run = store.load(run.id)
    word = run.approvals[Scope.MAILBOX]
    store.audit.add(*({"what": "refused"} for _ in range(600)))  # more than a slice of the search
    assert distrusted(store, run) == ""
    assert distrusted(store, replace(run, approvals={Scope.TENANT: word})) == NOT_AUDITED
    assert distrusted(store, replace(run, id="OTHER2")) == NOT_AUDITED
    another = replace(word, at=word.at + timedelta(seconds=1))
    assert distrusted(store, replace(run, approvals={Scope.MAILBOX: another})) == NOT_AUDITED
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


def test_a_channel_has_its_own_record(store, run):
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
    assert len(doubts(store)["foreign"]) == 2


def test_an_undo_takes_only_the_runs_of_its_mailbox(store, run):
    """A run that somebody put on another mailbox's list is not undone with that mailbox."""
    store.redis.zadd(keys.channel_runs("sales@contoso.com"), {run.id: 1})
    assert [each.id for each in store.runs_of_mailbox(MAILBOX)] == [run.id]
    assert store.runs_of_mailbox("sales@contoso.com") == ()


LINE = Change("forwarding", "M3", Text("a"), Text("b"), Text("c"), Scope.MAILBOX, "Set-Mailbox")
PLANNED = Event(Kind.PLANNED, now(), data=PLAN, changes=(LINE,))
WRONG = Finding("forwarding", State.WRONG, values={"smtp": ""})
CHANGING = Event(Kind.CHANGING, now(), step="forwarding", finding=WRONG, changes=(LINE,))
CHANGED = Event(Kind.CHANGED, now(), step="forwarding")
ANSWERED = Event(Kind.ANSWERED, now(), data={"question": "consent", "value": "granted"})
EVERY = [OPENED, *(event for _, events, _ in TABLE for event in events)]


@given(some.lists(some.sampled_from(EVERY), max_size=40))
def test_a_fold_never_raises(events):
    """Dropped, repeated and swapped events of any kind give a run that cards can show."""
    run = fold("R1", [OPENED, *events])
    assert (run.version, bool(next_action(run).words.key)) == (len(events) + 1, True)
    assert stage_of(run) in range(1, 8)


def test_an_event_without_anything():
    """An event of any kind without its data or the events before it changes nothing or is a gap.

    The first gap is the one that is named.
    """
    gaps = {}
    for kind in set(Kind) - {Kind.OPENED}:
        gaps[kind] = doubt(fold("R1", [OPENED, *[Event(kind, now(), step="forwarding")] * 2]))
    found = {kind for kind, why in gaps.items() if why}
    assert found == GAPS
    gap = Text("turn_words.history_gap", {"event": "2"})
    assert all(gaps[kind] == gap for kind in found)


GAPS = frozenset(
    {Kind.CHANGED, Kind.PLANNED, Kind.ANSWERED, Kind.PROBLEM, Kind.SILENT, Kind.UNREADABLE}
)
"""Kinds of events that mean nothing without their data or the events before them."""


@dataclass(frozen=True, slots=True)
class Worker:
    """Store of a worker with a run's lease, and the store of everybody else."""

    store: RunStore
    others: RunStore
    run: Run

    def lose(self, count: int) -> None:
        """Lose the last events, as a failover does."""
        self.store.redis.ltrim(keys.run_events(self.run.id), 0, -count - 1)

    def kinds(self) -> list[str]:
        """Return the kinds of the run's events since its plan, as everybody reads them."""
        return [str(event.kind) for event in self.others.events(self.run.id)][3:]


@pytest.fixture
def worker(store):
    """Return a worker that has read an approved run."""
    run = store.open(Channel(MAILBOX), ASKER, Origin("room-1", message="message-1"))
    store.append(run.id, Event(Kind.DETAILS, now(), channel=Channel(MAILBOX)))
    store.append(run.id, PLANNED)
    with store.lease(run.id) as lease:
        assert lease is not None
        held = store.held_by(lease)
        yield Worker(held, store, held.load(run.id))


def test_everything_that_the_worker_has_seen_is_added_again(worker):
    """Lost events of other people that the worker has read are added again, with their entries."""
    worker.others.append(worker.run.id, APPROVED)
    seen = worker.store.refresh(worker.run)
    entry = worker.store.audit.entries()[-1]
    worker.lose(1)
    worker.store.redis.delete(keys.audit_entries(), keys.audit_head())
    worker.store.append(worker.run.id, CHANGING)
    run = worker.others.load(worker.run.id)
    assert (worker.kinds(), run.approvals) == (["approved", "changing"], seen.approvals)
    assert b'"approved"' in entry
    trust.require_audited(worker.others, run)


def test_a_read_adds_them_again(worker):
    """A worker that only reads adds the lost events again, whether it reads all or the newest.

    If Redis has lost that a change was begun, the worker adds that before it says the end.
    """
    worker.store.append(worker.run.id, CHANGING, CHANGED)
    run = worker.store.refresh(worker.run)
    for read in (lambda: worker.store.load(run.id), lambda: worker.store.refresh(run)):
        worker.lose(2)
        assert (read().changed, worker.kinds()) == (run.changed, ["changing", "changed"])
    worker.lose(2)
    worker.store.append(run.id, ANSWERED)
    assert worker.kinds() == ["changing", "changed", "answered"]
    found = worker.others.load(run.id)
    assert (found.changed["forwarding"].before, doubt(found)) == (WRONG, None)


def test_events_that_came_meanwhile_stay(worker):
    """If others have added events since the loss, only the lost changes follow them."""
    worker.store.append(worker.run.id, CHANGING, Event(Kind.RUNNING, now(), step="ids"))
    worker.lose(2)
    worker.others.append(worker.run.id, ANSWERED)
    worker.store.append(worker.run.id, CHANGED)
    assert worker.kinds() == ["answered", "changing", "changed"]
    assert worker.store.load(worker.run.id).change_applied("forwarding")


def test_a_lost_end_is_not_added_again(worker):
    """A lost end of a run is not added again: the run goes on, and ends again as a whole."""
    assert worker.store.end(worker.run, Event(Kind.FINISHED, now()))
    worker.lose(1)
    assert (worker.store.load(worker.run.id).ended, worker.kinds()) == (None, [])


def test_a_run_that_was_cancelled_at_the_new_primary(worker):
    """Nothing follows the end of a run, also no lost event."""
    worker.store.append(worker.run.id, CHANGING)
    worker.lose(1)
    assert worker.others.end(worker.run, Event(Kind.CANCELLED, now()))
    with pytest.raises(RunEndedError):
        worker.store.append(worker.run.id, CHANGED)
    assert worker.store.load(worker.run.id).ended == Kind.CANCELLED
    assert worker.kinds() == ["cancelled"]


def test_only_the_worker_with_the_lease_adds_them(worker):
    """A worker whose lease was lost, too, writes nothing, and reads what is there."""
    worker.store.append(worker.run.id, CHANGING)
    worker.lose(1)
    worker.store.redis.delete(keys.run_lock(worker.run.id))
    assert worker.store.load(worker.run.id).changed == {}
    with pytest.raises(LeaseLostError):
        worker.store.append(worker.run.id, CHANGED)
    assert worker.kinds() == []


def test_a_deleted_run_stays_deleted(worker):
    """A run that an operator has deleted is not brought back by its worker."""
    worker.store.append(worker.run.id, CHANGING)
    worker.store.redis.delete(keys.run_events(worker.run.id))
    with pytest.raises(RunGoneError):
        worker.store.load(worker.run.id)
    with pytest.raises(RunGoneError):
        worker.store.append(worker.run.id, CHANGED)


def test_nothing_follows_a_foreign_event(worker):
    """A worker adds nothing to a history that another client has changed, and the run is stopped."""
    key = keys.run_events(worker.run.id)
    worker.store.append(worker.run.id, CHANGING, CHANGED)
    worker.store.redis.lset(key, -3, "{}")
    run = worker.store.load(worker.run.id)
    assert (run.ended, run.problems["run"].code) == (Kind.FAILED, "3")
    assert worker.store.redis.llen(key) == 5


def test_a_rotation_of_the_keys_is_no_loss(redis):
    """A history that ``rekey`` has written again under another key has lost nothing."""
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    RunStore(redis, (old,)).open(Channel(MAILBOX), ASKER, Origin("room-1", message="m1"))
    store = RunStore(redis, (new, old))
    (run,) = store.runs_in_space("room-1")
    with store.lease(run.id) as lease:
        assert lease is not None
        held = store.held_by(lease)
        held.append(held.load(run.id).id, CHANGING)
        Rekeying(redis, (new, old)).renew()
        held.append(run.id, CHANGED)
    assert [str(event.kind) for event in store.events(run.id)] == ["opened", "changing", "changed"]


def test_a_gap_is_named_to_the_operator(worker):
    """A change without its beginning is a gap, which names the run, its mailbox and the entry.

    So is an event that this version cannot decode. Neither has an effect, and the run goes on.
    """
    store, run = worker.others, worker.run
    body = b'{"kind":"found","at":"2026-11-20T09:00:00Z","finding":{"step":"a","state":"purple"}}'
    for add in (
        lambda: store.append(run.id, CHANGED),
        lambda: store.redis.rpush(
            keys.run_events(run.id), *store.event_log.chained(run.id, [body], run.mac)
        ),
    ):
        worker.lose(store.length(run.id) - 3)
        add()
        store.append(run.id, ANSWERED)
        found = store.load(run.id)
        assert (found.answer("consent"), found.ended, found.version) == ("granted", None, 5)
        assert doubts(store)["gaps"] == [f"run:{run.id}:events, entry 4 of {MAILBOX}"]


@pytest.mark.parametrize("how", ["forged", "no list"])
def test_an_unreadable_run_takes_no_list_down(worker, how):
    """A run that cannot be read is in the list of its space, and its mailbox is free."""
    store, key = worker.others, keys.run_events(worker.run.id)
    other = store.open(Channel("sales@contoso.com"), ASKER, Origin("room-1", message="m2"))
    store.redis.delete(key)
    store.redis.rpush(key, "{}") if how == "forged" else store.redis.set(key, "x")
    with pytest.raises(ForeignRunError):
        store.load(worker.run.id)
    listed = {run.id: run for run in store.runs_in_space("room-1")}
    broken = listed[worker.run.id]
    assert (set(listed), broken.channel.mailbox) == ({other.id, worker.run.id}, MAILBOX)
    assert broken.ended == Kind.FAILED
    assert doubt(broken) == Text("turn_words.unreadable_run", {"event": "1"})
    assert doubts(store)["foreign"] == [f"{key}, entry 1"]
    assert store.open(Channel(MAILBOX), ASKER, Origin("room-1", message="m3")).id
