"""Fencing of a run's events: an old lease's worker writes nothing, and nothing follows an end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from redis.client import Pipeline

from jobs.clock import now
from jobs.model import Channel, Finding, Person, State
from jobs.runs.origin import Origin
from jobs.runs.run import Event, Kind, LeaseLostError, Run, RunEndedError
from jobs.runs.run_store import RunStore
from jobs.runs.schedule import LEASE_S
from jobs.storage import locks
from jobs.storage.locks import RenewedLock

MAILBOX = "support@contoso.com"
FOUND = Event(Kind.FOUND, now(), step="ids", finding=Finding("ids", State.OK))
RESUMED = Event(Kind.RESUMED, now())
CANCELLED = Event(Kind.CANCELLED, now())
of_both_ways = pytest.mark.parametrize("event", [FOUND, RESUMED], ids=["inspected", "recorded"])
"""An event alone, and one that is written together with its entry in the audit trail."""


@pytest.fixture
def opened(store: RunStore, asker: Person) -> Run:
    """A run of the mailbox."""
    return store.open(Channel(MAILBOX), asker, Origin("room-1", message="message-1"))


@contextmanager
def held(store: RunStore, run: Run) -> Iterator[RenewedLock]:
    """The lease of a run that nobody has."""
    with store.lease(run.id) as lease:
        assert lease is not None
        yield lease


def take_over(store: RunStore, run: Run) -> None:
    """Let the lease expire, and another worker take it."""
    store.redis.delete(f"run:{run.id}:lease")
    with held(store, run):
        pass


def kinds(store: RunStore, run: Run) -> list[str]:
    """The run's history, and what the audit trail has of it."""
    entries = [entry.decode() for entry in store.audit.entries()]
    return [*(str(event.kind) for event in store.events(run.id)), str(len(entries))]


def test_each_lease_has_a_higher_number(store: RunStore, asker: Person, opened: Run):
    """Also that of another run, and that of a lease which was given back or has expired."""
    other = store.open(Channel("sales@contoso.com"), asker, Origin("room-1", message="message-2"))
    numbers = []
    for run in (opened, opened, other, opened):
        with held(store, run) as lease:
            numbers.append(lease.number)
            assert (store.redis.get(lease.key) or b"").decode().endswith(f".{lease.number}")
    assert numbers == sorted(set(numbers))


def test_a_lease_that_another_has_counts_no_number(store: RunStore, opened: Run):
    """Only a worker that gets it does."""
    with held(store, opened) as lease:
        with store.lease(opened.id) as second:
            assert second is None
        assert int(store.redis.get("locks:number") or 0) == lease.number


@of_both_ways
def test_the_holder_writes(store: RunStore, opened: Run, event: Event):
    """And so does anybody without a lease, as a press does."""
    with held(store, opened) as lease:
        store.held_by(lease).append(opened.id, event)
        store.append(opened.id, event)
    assert kinds(store, opened)[1:-1] == [str(event.kind)] * 2


@of_both_ways
def test_an_old_token_writes_nothing(store: RunStore, opened: Run, event: Event):
    """Another worker took the run over and gave it back: neither an event nor an entry is written."""
    with held(store, opened) as lease:
        take_over(store, opened)
        before = kinds(store, opened)
        with pytest.raises(LeaseLostError):
            store.held_by(lease).append(opened.id, event)
    assert kinds(store, opened) == before


def test_an_expired_lease_writes_nothing(store: RunStore, opened: Run):
    """Even if nobody has taken the run over."""
    with held(store, opened) as lease:
        store.redis.delete(lease.key)
        with pytest.raises(LeaseLostError):
            store.held_by(lease).append(opened.id, FOUND)


def test_an_old_token_ends_no_run(store: RunStore, opened: Run):
    """The channel stays with the run."""
    with held(store, opened) as lease:
        take_over(store, opened)
        with pytest.raises(LeaseLostError):
            store.held_by(lease).end(opened, Event(Kind.FINISHED, now()))
    assert (store.load(opened.id).ended, store.channels.running(MAILBOX)) == (None, opened.id)


@of_both_ways
def test_nothing_follows_an_end(store: RunStore, opened: Run, event: Event):
    """Neither of a press nor of the worker with the lease."""
    store.end(opened, CANCELLED)
    before = kinds(store, opened)
    with held(store, opened) as lease:
        for writer in (store, store.held_by(lease)):
            with pytest.raises(RunEndedError):
                writer.append(opened.id, event)
    assert kinds(store, opened) == before


def test_a_second_end_is_none(store: RunStore, opened: Run):
    """It says so, and writes nothing."""
    assert store.end(opened, CANCELLED)
    before = kinds(store, opened)
    assert (store.end(opened, Event(Kind.FAILED, now())), kinds(store, opened)) == (False, before)


MEANWHILE: dict[str, tuple[Callable[[RunStore, Run], object], type[Exception]]] = {
    "the lease goes": (take_over, LeaseLostError),
    "the run ends": (lambda store, run: store.end(run, CANCELLED), RunEndedError),
}


class Late(RunStore):
    """Store in which something happens once between the check of a write and the write."""

    def __init__(self, store: RunStore, meanwhile: Callable[[], object]) -> None:
        super().__init__(store.redis)
        self._meanwhile = [meanwhile]

    def _check(self, pipe: Pipeline, run_id: str, *, opens: bool) -> None:
        super()._check(pipe, run_id, opens=opens)
        while self._meanwhile:
            self._meanwhile.pop()()


@of_both_ways
@pytest.mark.parametrize(
    ("happens", "error"),
    list(MEANWHILE.values()),
    ids=[name.replace(" ", "_") for name in MEANWHILE],
)
def test_the_check_is_part_of_the_transaction(
    store: RunStore,
    opened: Run,
    event: Event,
    happens: Callable[[RunStore, Run], object],
    error: type[Exception],
):
    """A change between the check and the write undoes the write."""
    with held(store, opened) as lease:
        late = Late(store, lambda: happens(store, opened))
        with pytest.raises(error):
            late.held_by(lease).append(opened.id, event)
    assert str(event.kind) not in kinds(store, opened)


def test_a_confirmed_lease_lasts_its_full_time(store: RunStore, opened: Run):
    """Asking for it renews it."""
    with held(store, opened) as lease:
        store.redis.pexpire(lease.key, 3000)
        store.held_by(lease).confirm(opened.id)
        assert int(store.redis.pttl(lease.key)) > (LEASE_S - 2) * 1000


def test_nothing_confirms_what_is_over(store: RunStore, opened: Run):
    """A lost lease and an ended run are told apart."""
    with held(store, opened) as lease:
        store.end(opened, CANCELLED)
        with pytest.raises(RunEndedError):
            store.held_by(lease).confirm(opened.id)
        take_over(store, opened)
        with pytest.raises(LeaseLostError):
            store.held_by(lease).confirm(opened.id)


def test_a_gap_as_long_as_the_lease_needs_no_redis(
    store: RunStore, opened: Run, monkeypatch: pytest.MonkeyPatch
):
    """After a laptop's sleep the lease counts as lost at once, and for good."""
    with held(store, opened) as lease:
        woke = locks.seconds_since_boot() + LEASE_S
        assert not lease.lost
        monkeypatch.setattr(locks, "seconds_since_boot", lambda: woke)
        assert (lease.lost, lease.renew()) == (True, False)
        monkeypatch.undo()
        assert lease.lost


def test_another_run_of_the_mailbox_is_waited_for(store: RunStore, asker: Person, opened: Run):
    """As long as a worker has its lease, also after its end."""
    with held(store, opened):
        assert not store.others_at_work(opened)
        store.end(opened, CANCELLED)
        later = store.open(Channel(MAILBOX), asker, Origin("room-1", message="message-2"))
        assert store.others_at_work(later)
    assert not store.others_at_work(later)
