"""Events that Redis has lost, as a failover may: the worker adds them again, and a gap is named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from cryptography.fernet import Fernet
from hypothesis import given, strategies as some
from redis import Redis

from jobs.clock import now
from jobs.model import Change, Channel, Finding, Person, Scope, State, Text
from jobs.next_action import next_action, stage_of
from jobs.runs import trust
from jobs.runs.event_log import doubt
from jobs.runs.fold import fold
from jobs.runs.rekeying import Rekeying, doubts
from jobs.runs.run import (
    Event,
    ForeignRunError,
    Kind,
    LeaseLostError,
    Origin,
    Run,
    RunEndedError,
    RunGoneError,
)
from jobs.runs.run_store import RunStore
from jobs.storage import keys
from tests.unit.jobs.runs.test_run import OPENED, TABLE

MAILBOX = "support@contoso.com"
ASKER = Person("p1", "anna@contoso.com")
LINE = Change("forwarding", "M3", Text("a"), Text("b"), Text("c"), Scope.MAILBOX, "Set-Mailbox")
PLANNED = Event(Kind.PLANNED, now(), data={"plan": "p1"}, changes=(LINE,))
APPROVED = Event(Kind.APPROVED, now(), data={"plan": "p1", "scope": "mailbox"})
WRONG = Finding("forwarding", State.WRONG, values={"smtp": ""})
CHANGING = Event(Kind.CHANGING, now(), step="forwarding", finding=WRONG, changes=(LINE,))
CHANGED = Event(Kind.CHANGED, now(), step="forwarding")
ANSWERED = Event(Kind.ANSWERED, now(), data={"question": "consent", "value": "granted"})
EVERY = [OPENED, *(event for _, events, _ in TABLE for event in events)]


@given(some.lists(some.sampled_from(EVERY), max_size=40))
def test_a_fold_never_raises(events: list[Event]):
    """Dropped, repeated and swapped events of any kind give a run that cards can show."""
    run = fold("R1", [OPENED, *events])
    assert (run.version, bool(next_action(run).words.key)) == (len(events) + 1, True)
    assert stage_of(run) in range(1, 8)


def test_an_event_without_anything():
    """An event of any kind without its data or the events before it changes nothing or is a gap."""
    gaps = {}
    for kind in set(Kind) - {Kind.OPENED}:
        gaps[kind] = doubt(fold("R1", [OPENED, Event(kind, now(), step="forwarding")]))
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
def worker(store: RunStore) -> Iterator[Worker]:
    """Return a worker that has read an approved run."""
    run = store.open(Channel(MAILBOX), ASKER, Origin("room-1", message="message-1"))
    store.append(run.id, Event(Kind.DETAILS, now(), channel=Channel(MAILBOX)))
    store.append(run.id, PLANNED)
    with store.lease(run.id) as lease:
        assert lease is not None
        held = store.held_by(lease)
        yield Worker(held, store, held.load(run.id))


def test_everything_that_the_worker_has_seen_is_added_again(worker: Worker):
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


def test_a_read_adds_them_again(worker: Worker):
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


def test_events_that_came_meanwhile_stay(worker: Worker):
    """If others have added events since the loss, only the lost changes follow them."""
    worker.store.append(worker.run.id, CHANGING, Event(Kind.RUNNING, now(), step="ids"))
    worker.lose(2)
    worker.others.append(worker.run.id, ANSWERED)
    worker.store.append(worker.run.id, CHANGED)
    assert worker.kinds() == ["answered", "changing", "changed"]
    assert worker.store.load(worker.run.id).change_applied("forwarding")


def test_a_lost_end_is_not_added_again(worker: Worker):
    """A lost end of a run is not added again: the run goes on, and ends again as a whole."""
    assert worker.store.end(worker.run, Event(Kind.FINISHED, now()))
    worker.lose(1)
    assert (worker.store.load(worker.run.id).ended, worker.kinds()) == (None, [])


def test_a_run_that_was_cancelled_at_the_new_primary(worker: Worker):
    """Nothing follows the end of a run, also no lost event."""
    worker.store.append(worker.run.id, CHANGING)
    worker.lose(1)
    assert worker.others.end(worker.run, Event(Kind.CANCELLED, now()))
    with pytest.raises(RunEndedError):
        worker.store.append(worker.run.id, CHANGED)
    assert (worker.store.load(worker.run.id).ended, worker.kinds()) == (
        Kind.CANCELLED,
        ["cancelled"],
    )


def test_only_the_worker_with_the_lease_adds_them(worker: Worker):
    """A worker whose lease was lost, too, writes nothing, and reads what is there."""
    worker.store.append(worker.run.id, CHANGING)
    worker.lose(1)
    worker.store.redis.delete(keys.run_lock(worker.run.id))
    assert worker.store.load(worker.run.id).changed == {}
    with pytest.raises(LeaseLostError):
        worker.store.append(worker.run.id, CHANGED)
    assert worker.kinds() == []


def test_a_deleted_run_stays_deleted(worker: Worker):
    """A run that an operator has deleted is not brought back by its worker."""
    worker.store.append(worker.run.id, CHANGING)
    worker.store.redis.delete(keys.run_events(worker.run.id))
    with pytest.raises(RunGoneError):
        worker.store.load(worker.run.id)
    with pytest.raises(RunGoneError):
        worker.store.append(worker.run.id, CHANGED)


def test_nothing_follows_a_foreign_event(worker: Worker):
    """A worker adds nothing to a history that another client has changed, and the run is stopped."""
    key = keys.run_events(worker.run.id)
    worker.store.append(worker.run.id, CHANGING, CHANGED)
    worker.store.redis.lset(key, -3, "{}")
    run = worker.store.load(worker.run.id)
    assert (run.ended, run.problems["run"].code) == (Kind.FAILED, "3")
    assert worker.store.redis.llen(key) == 5


def test_a_rotation_of_the_keys_is_no_loss(redis: Redis):
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


def test_a_gap_is_named_to_the_operator(worker: Worker):
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
        assert doubts(store).gaps == [f"run:{run.id}:events, entry 4 of {MAILBOX}"]


@pytest.mark.parametrize("how", ["forged", "no list"])
def test_an_unreadable_run_takes_no_list_down(worker: Worker, how: str):
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
    assert doubts(store).foreign == [f"{key}, entry 1"]
    assert store.open(Channel(MAILBOX), ASKER, Origin("room-1", message="m3")).id
