"""Fencing of a run's events: a worker without a current lease writes nothing.

After a run's end nobody writes anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from redis.client import Pipeline

from jobs.clock import now
from jobs.model import Channel, Finding, Person, State
from jobs.runs.run import Event, Kind, LeaseLostError, Origin, Run, RunEndedError
from jobs.runs.run_store import RunStore
from jobs.storage import locks
from jobs.storage.due_queue import LEASE_S
from jobs.storage.locks import RenewedLock

MAILBOX = "support@contoso.com"
FOUND = Event(Kind.FOUND, now(), step="ids", finding=Finding("ids", State.OK))
RESUMED = Event(Kind.RESUMED, now())
CANCELLED = Event(Kind.CANCELLED, now())
of_both_ways = pytest.mark.parametrize("event", [FOUND, RESUMED], ids=["inspected", "recorded"])
"""Marker that runs a test for an event alone, and for one that is written with an audit entry."""


@pytest.fixture
def opened(store: RunStore, asker: Person) -> Run:
    """Return a new run of the mailbox."""
    return store.open(Channel(MAILBOX), asker, Origin("room-1", message="message-1"))


@contextmanager
def held(store: RunStore, run: Run) -> Iterator[RenewedLock]:
    """Yield the lease of a run that no worker has."""
    with store.lease(run.id) as lease:
        assert lease is not None
        yield lease


def take_over(store: RunStore, run: Run) -> None:
    """Let the lease expire and have another worker take the run and give it back."""
    store.redis.delete(f"run:{run.id}:lease")
    with held(store, run):
        pass


def kinds(store: RunStore, run: Run) -> list[str]:
    """Return the kinds of the run's events, and the number of entries in the audit trail."""
    entries = [entry.decode() for entry in store.audit.entries()]
    return [*(str(event.kind) for event in store.events(run.id)), str(len(entries))]


def test_each_lease_has_a_higher_number(store: RunStore, asker: Person, opened: Run):
    """Every new lease has a higher number than all earlier leases, also those of other runs.

    A worker that does not get a lease uses up no number.
    """
    other = store.open(Channel("sales@contoso.com"), asker, Origin("room-1", message="message-2"))
    numbers = []
    for run in (opened, opened, other, opened):
        with held(store, run) as lease, store.lease(run.id) as second:
            assert second is None
            numbers.append(lease.number)
            assert (store.redis.get(lease.key) or b"").decode().endswith(f".{lease.number}")
    assert numbers == [1, 2, 3, 4]


@of_both_ways
def test_the_holder_writes(store: RunStore, opened: Run, event: Event):
    """The worker that holds the lease may write events.

    A press of a button may write without any lease.
    """
    with held(store, opened) as lease:
        store.held_by(lease).append(opened.id, event)
        store.append(opened.id, event)
    assert kinds(store, opened)[1:-1] == [str(event.kind)] * 2


@pytest.mark.parametrize("event", [FOUND, RESUMED, Event(Kind.FINISHED, now())], ids=str)
def test_an_old_token_writes_nothing(store: RunStore, opened: Run, event: Event):
    """A worker whose lease was taken over, or has expired, can write neither an event nor an entry.

    It cannot end the run, so the run keeps its channel.
    """
    for lose in (take_over, lambda *_: store.redis.delete(f"run:{opened.id}:lease")):
        with held(store, opened) as lease:
            lose(store, opened)
            before, late = kinds(store, opened), store.held_by(lease)
            with pytest.raises(LeaseLostError):
                late.end(opened, event) if event.kind is Kind.FINISHED else late.append(
                    opened.id, event
                )
        assert kinds(store, opened) == before
    assert (store.load(opened.id).ended, store.channels.running(MAILBOX)) == (None, opened.id)


@of_both_ways
def test_nothing_follows_an_end(store: RunStore, opened: Run, event: Event):
    """After a run's end, neither a press nor the worker with the lease can add an event."""
    store.end(opened, CANCELLED)
    before = kinds(store, opened)
    with held(store, opened) as lease:
        for writer in (store, store.held_by(lease)):
            with pytest.raises(RunEndedError):
                writer.append(opened.id, event)
    assert kinds(store, opened) == before


MEANWHILE: dict[str, tuple[Callable[[RunStore, Run], object], type[Exception]]] = {
    "the lease goes": (take_over, LeaseLostError),
    "the run ends": (lambda store, run: store.end(run, CANCELLED), RunEndedError),
}


class Late(RunStore):
    """Store that lets something happen once, after the check of a write and before the write."""

    def __init__(self, store: RunStore, meanwhile: Callable[[], object]) -> None:
        super().__init__(store.redis)
        self._meanwhile = [meanwhile]

    def _check(self, pipe: Pipeline, run_id: str, seen: list[bytes], *, opens: bool) -> list[bytes]:
        last = super()._check(pipe, run_id, seen, opens=opens)
        while self._meanwhile:
            self._meanwhile.pop()()
        return last


@of_both_ways
@pytest.mark.parametrize("happens", MEANWHILE)
def test_the_check_is_part_of_the_transaction(
    store: RunStore, opened: Run, event: Event, happens: str
):
    """If the lease is lost or the run ends between the check and the write, nothing is written."""
    act, error = MEANWHILE[happens]
    with held(store, opened) as lease:
        late = Late(store, lambda: act(store, opened))
        with pytest.raises(error):
            late.held_by(lease).append(opened.id, event)
    assert str(event.kind) not in kinds(store, opened)


def test_nothing_confirms_what_is_over(store: RunStore, opened: Run):
    """Confirming renews a lease for its full time.

    It raises one error for a lost lease and another for an ended run.
    """
    with held(store, opened) as lease:
        store.redis.pexpire(lease.key, 3000)
        worker = store.held_by(lease)
        worker.confirm(opened.id)
        assert int(store.redis.pttl(lease.key)) > (LEASE_S - 2) * 1000
        store.end(opened, CANCELLED)
        with pytest.raises(RunEndedError):
            worker.confirm(opened.id)
        take_over(store, opened)
        with pytest.raises(LeaseLostError):
            worker.confirm(opened.id)


def test_a_gap_as_long_as_the_lease_needs_no_redis(
    store: RunStore, opened: Run, monkeypatch: pytest.MonkeyPatch
):
    """After a sleep as long as the lease, as of a laptop, the lease counts as lost.

    Redis is not asked, and the lease stays lost.
    """
    with held(store, opened) as lease:
        woke = locks.seconds_since_boot() + LEASE_S
        assert not lease.lost
        monkeypatch.setattr(locks, "seconds_since_boot", lambda: woke)
        assert (lease.lost, lease.renew()) == (True, False)
        monkeypatch.undo()
        assert lease.lost


@pytest.mark.parametrize("command", ["EVALSHA", "ZADD", "LRANGE"])
def test_a_stop_before_an_answer_is_noticed_after_it(
    store: RunStore, opened: Run, monkeypatch: pytest.MonkeyPatch, command: str
):
    """A worker that is stopped while an answer of Redis is on its way has lost its lease.

    The answer says that it has the lease, and was true when Redis gave it.
    """
    with held(store, opened) as lease:
        woke, parse = locks.seconds_since_boot() + LEASE_S + 1, store.redis.parse_response

        def stopped(connection: object, name: str, **options: object) -> object:
            answer = parse(connection, name, **options)  # type: ignore[no-untyped-call]  # untyped
            if name == command:
                monkeypatch.setattr(locks, "seconds_since_boot", lambda: woke)
            return answer

        monkeypatch.setattr(store.redis, "parse_response", stopped)
        with pytest.raises(LeaseLostError):
            store.held_by(lease).confirm(opened.id)
        assert lease.lost


def test_another_run_of_the_mailbox_is_waited_for(store: RunStore, asker: Person, opened: Run):
    """A new run waits while a worker has the lease of another run of its mailbox.

    This holds even if that other run has ended.
    """
    with held(store, opened):
        assert not store.others_at_work(opened)
        store.end(opened, CANCELLED)
        later = store.open(Channel(MAILBOX), asker, Origin("room-1", message="message-2"))
        assert store.others_at_work(later)
    assert not store.others_at_work(later)
