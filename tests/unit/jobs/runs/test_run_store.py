"""Runs in Redis: which run holds a channel, who works on it, when it is due, and how it ends."""

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import pytest

from jobs.clock import now
from jobs.model import Change, Channel, Finding, RunKind, Scope, State, Text
from jobs.runs.run import (
    LETTERS,
    Event,
    Kind,
    LeaseLostError,
    Origin,
    RecordedChange,
    RunEndedError,
    RunGoneError,
    new_id,
    new_reference,
)
from jobs.runs.run_store import ASKED_S, AlreadyRunningError, Record, RunStore
from jobs.storage import locks
from jobs.storage.locks import LEASE_S
from tests.fixtures.copies import replace
from tests.fixtures.queue_state import claimed
from tests.fixtures.run_events import found

MAILBOX = "support@contoso.com"
ORIGIN = Origin("room-1", message="message-1")


@pytest.fixture
def opened(store, asker):
    """Return a new run of the mailbox."""
    return store.open(Channel(MAILBOX), asker, ORIGIN)


def test_a_second_run_of_a_mailbox_is_refused(store, asker, opened):
    """A second run of a mailbox is refused with the first one's ID, and none is left behind.

    A run without a mailbox claims its message for a day, after which nobody delivers it again. The
    claim of a mailbox does not expire.
    """
    for origin in (replace(ORIGIN, message="message-2"), ORIGIN):
        with pytest.raises(AlreadyRunningError) as busy:
            store.open(Channel(MAILBOX), asker, origin)
        assert busy.value.run == store.channels.running(MAILBOX) == opened.id
    assert len(store.runs_in_space("room-1")) == 1
    store.open(Channel(""), asker, ORIGIN)
    with pytest.raises(AlreadyRunningError):
        store.open(Channel(""), asker, ORIGIN)
    assert 0 < store.redis.ttl("channel:message-1:run") <= ASKED_S
    assert store.redis.ttl(f"channel:{MAILBOX}:run") == -1


def test_of_many_at_once_one_opens(store, asker):
    """If twenty people ask for the same mailbox at once, only one run is opened."""

    def attempt(_: int) -> str:
        try:
            return store.open(Channel(MAILBOX), asker, ORIGIN).id
        except AlreadyRunningError:
            return ""

    with ThreadPoolExecutor(20) as pool:
        assert len([run for run in pool.map(attempt, range(20)) if run]) == 1


def test_a_run_that_died_before_its_first_event_holds_nothing(store, opened):
    """A mailbox that is claimed by a run without a history can be claimed by another run."""
    store.redis.set("channel:sales@contoso.com:run", "DEAD22")
    store.redis.zadd("runs:open", {"DEAD22": 1})
    assert store.channels.running("sales@contoso.com") == ""
    store.claim("sales@contoso.com", opened.id)
    assert store.channels.running("sales@contoso.com") == opened.id


def test_an_ended_run_gives_the_mailbox_free(store, asker, opened):
    """When a run ends, the next run can begin, and a second end does not release its mailbox."""
    assert store.end(opened, Event(Kind.CANCELLED, now()))
    assert store.channels.running(MAILBOX) == ""
    later = store.open(Channel(MAILBOX), asker, ORIGIN)
    assert not store.end(store.load(opened.id), Event(Kind.FAILED, now()))
    assert (store.load(opened.id).ended, store.channels.running(MAILBOX)) == ("cancelled", later.id)


def test_a_finished_setup_is_a_record(store, opened, asker):
    """A finished setup records its channel for the space and for the requester.

    The run is no longer due. A setup that ended otherwise has proven nothing.
    """
    at, channels = now(), store.channels
    for number, end in enumerate((Kind.CANCELLED, Kind.FAILED)):
        other = store.open(
            Channel("sales@contoso.com"), asker, Origin("room-1", message=str(number))
        )
        store.end(other, Event(end, at))
    assert channels.record("sales@contoso.com") is None
    store.schedule.add(opened.id, at)
    store.end(opened, Event(Kind.FINISHED, at))
    assert channels.record(MAILBOX) == Record(opened.id, at, Channel(MAILBOX))
    places = (("room-1",), ("room-2",), ("room-2", asker.id))
    assert [channels.of_space(*place) for place in places] == [(MAILBOX,), (), (MAILBOX,)]
    assert claimed(store.redis) == ()


def test_a_run_that_changed_is_due_by_itself(store, opened):
    """A run with a new event becomes due by itself.

    So it continues even if its process dies before queuing it.
    """
    assert (
        10 < (store.redis.zscore("due", f"run:{opened.id}") or 0) - now().timestamp() <= LEASE_S + 1
    )
    store.schedule.add(opened.id, now())
    store.append(opened.id, Event(Kind.RESUMED, now()))
    assert claimed(store.redis) == (opened.id,)


def test_renewing_puts_the_run_on_the_due_list(store, opened):
    """Renewing a lease makes the run due right after the lease.

    So another worker continues the run if this worker dies.
    """
    with store.lease(opened.id) as lease:
        assert lease.renew()
    due = float(store.redis.zscore("due", f"run:{opened.id}") or 0) - now().timestamp()
    assert LEASE_S < due <= LEASE_S + 1


def test_an_older_worker_reads_what_a_newer_one_wrote(store, opened):
    """During an upgrade, an older worker ignores an unknown kind of event and an unknown field.

    Refreshing an older copy of a run gives the same run as loading it.
    """
    newer = b'{"kind": "of_tomorrow", "at": "2026-11-25T10:00:00Z", "color": "green"}'
    lines = store.event_log.chained(opened.id, [newer], opened.mac)
    store.redis.rpush(f"run:{opened.id}:events", *lines)
    read = store.load(opened.id)
    assert read == replace(opened, version=opened.version + 1, mac=read.mac)
    assert (store.refresh(opened), store.refresh(read), store.length(opened.id)) == (read, read, 2)


def test_nothing_is_added_to_a_run_that_is_gone(store, opened):
    """If Redis has lost a run, appending to it raises ``RunGoneError`` and stores nothing."""
    store.redis.flushall()
    with pytest.raises(RunGoneError):
        store.append(opened.id, Event(Kind.RUNNING, now(), step="ids"))
    assert store.events(opened.id) == ()


def test_a_check_holds_nothing(store, asker, opened):
    """Any number of checks can run during a setup, and the newest check is found by its mailbox."""
    first, second = (store.open(Channel(MAILBOX), asker, ORIGIN, RunKind.CHECK) for _ in range(2))
    store.channels.set_last_check(MAILBOX, second.id)
    assert (first.kind, first.detailed, store.last_check(MAILBOX)) == ("check", True, second)
    store.channels.set_last_check("sales@contoso.com", "GONE22")
    assert store.last_check("sales@contoso.com") is None
    assert store.channels.running(MAILBOX) == opened.id


@pytest.fixture
def twelve(store, asker):
    """Return twelve runs of one space, oldest first."""
    return [store.open(Channel(f"m{each}@contoso.com"), asker, ORIGIN) for each in range(12)]


def listed(store: RunStore) -> list[str]:
    """Return the local part of each mailbox among the space's listed runs."""
    return [run.channel.mailbox.partition("@")[0] for run in store.runs_in_space("room-1")]


def test_a_space_lists_open_runs_before_ended_ones(store, twelve):
    """A space lists every open run, and fills up to ten with the newest ended ones."""
    newest_first = [f"m{each}" for each in reversed(range(12))]
    assert listed(store) == newest_first
    for run in twelve[2:]:
        store.end(run, Event(Kind.CANCELLED, now()))
    assert listed(store) == ["m1", "m0", *newest_first[:8]]
    assert store.channels.count_in_space("room-1") == 12


def test_a_run_whose_history_was_deleted_is_not_listed(store, twelve):
    """A space neither lists nor counts runs without a history, but all of its other runs."""
    store.end(twelve[11], Event(Kind.CANCELLED, now()))
    store.end(twelve[3], Event(Kind.CANCELLED, now()))
    store.redis.delete(*(f"run:{twelve[each].id}:events" for each in (0, 5, 11)))
    assert listed(store) == [*(f"m{each}" for each in (10, 9, 8, 7, 6, 4, 2, 1)), "m3"]
    assert store.channels.count_in_space("room-1") == 9


@pytest.mark.parametrize(
    ("make", "form"), [(new_id, f"[{LETTERS}]{{6}}"), (new_reference, "REF-[0-9A-F]{6}")]
)
def test_ids_differ_and_can_be_read_aloud(make, form):
    made = {make() for _ in range(100)}
    assert len(made) > 95
    assert all(re.fullmatch(form, each) for each in made)


def test_a_mailbox_lists_its_runs(store, asker, opened):
    """A mailbox lists its existing runs from every space, oldest first, open or ended."""
    with pytest.raises(AlreadyRunningError):
        store.open(Channel(MAILBOX), asker, replace(ORIGIN, message="message-2"))
    store.end(opened, Event(Kind.CANCELLED, now()))
    second = store.open(Channel(MAILBOX), asker, Origin("room-2", message="message-3"))
    store.open(Channel("sales@contoso.com"), asker, ORIGIN)
    assert [run.id for run in store.runs_of_mailbox(MAILBOX)] == [opened.id, second.id]
    store.redis.delete(f"run:{second.id}:events")
    assert [run.id for run in store.runs_of_mailbox(MAILBOX)] == [opened.id]


@pytest.mark.parametrize(
    ("state", "kind", "listed"),
    [
        (State.OK, Kind.FINISHED, ()),
        (State.WARNING, Kind.FINISHED, (MAILBOX,)),
        (State.OK, Kind.CANCELLED, (MAILBOX,)),
    ],
)
def test_an_undone_channel_is_listed_nowhere(store, asker, opened, state, kind, listed):
    """A channel is listed no more after a finished undo, unless the undo reversed no change."""
    store.end(opened, Event(Kind.FINISHED, now()))
    undo = store.open(Channel(MAILBOX), asker, Origin("room-2", message="message-2"), RunKind.UNDO)
    change = Change("smtp_auth", "M2", Text("a"), Text("b"), Text("c"), Scope.MAILBOX, "x")
    past = RecordedChange("smtp_auth", change, Text("b"), {"disabled": ""}, {}, (opened.id,))
    store.append(undo.id, Event(Kind.RECALLED, now(), past=(past,)), found("smtp_auth", state))
    store.end(store.load(undo.id), Event(kind, now()))
    assert store.channels.of_space("room-1", asker.id) == listed
    assert store.channels.of_space("room-2") == ()
    assert (store.channels.record(MAILBOX) is None) is (listed == ())


FOUND = Event(Kind.FOUND, now(), step="ids", finding=Finding("ids", State.OK))
RESUMED = Event(Kind.RESUMED, now())
CANCELLED, FINISHED = (Event(kind, now()) for kind in (Kind.CANCELLED, Kind.FINISHED))
of_both_ways = pytest.mark.parametrize("event", [FOUND, RESUMED], ids=["inspected", "recorded"])
"""Marker that runs a test for an event alone, and for one that is written with an audit entry."""


@contextmanager
def held(store: RunStore, run):
    """Yield the lease of a run that no worker has."""
    with store.lease(run.id) as lease:
        assert lease is not None
        yield lease


def take_over(store: RunStore, run) -> None:
    """Let the lease expire and have another worker take the run and give it back."""
    store.redis.delete(f"run:{run.id}:lease")
    with held(store, run):
        pass


def kinds(store: RunStore, run) -> list[str]:
    """Return the kinds of the run's events, and the number of entries in the audit trail."""
    entries = [entry.decode() for entry in store.audit.entries()]
    return [*(str(event.kind) for event in store.events(run.id)), str(len(entries))]


def test_each_lease_has_a_higher_number(store, asker, opened):
    """Every new lease has a higher number than all earlier leases, also those of other runs."""
    other = store.open(Channel("sales@contoso.com"), asker, Origin("room-1", message="message-2"))
    numbers = []
    for run in (opened, opened, other, opened):
        with held(store, run) as lease, store.lease(run.id) as second:
            assert second is None
            numbers.append(lease.number)
            assert (store.redis.get(lease.key) or b"").decode().endswith(f".{lease.number}")
    assert numbers == sorted({*numbers})


@of_both_ways
def test_the_holder_writes(store, opened, event):
    """The worker that holds the lease may write events.

    A press of a button may write without any lease.
    """
    with held(store, opened) as lease:
        store.held_by(lease).append(opened.id, event)
        store.append(opened.id, event)
    assert kinds(store, opened)[1:-1] == [str(event.kind)] * 2


@pytest.mark.parametrize("event", [FOUND, RESUMED, FINISHED], ids=lambda each: str(each.kind))
def test_an_old_token_writes_nothing(store, opened, event):
    """A worker whose lease was taken over, or has expired, can write neither an event nor an entry.

    It cannot end the run, so the run keeps its channel.
    """
    for lose in (take_over, lambda *_: store.redis.delete(f"run:{opened.id}:lease")):
        with held(store, opened) as lease:
            lose(store, opened)
            before, late = kinds(store, opened), store.held_by(lease)
            write = (
                partial(late.append, opened.id) if event != FINISHED else partial(late.end, opened)
            )
            with pytest.raises(LeaseLostError):
                write(event)
        assert kinds(store, opened) == before
    assert (store.load(opened.id).ended, store.channels.running(MAILBOX)) == (None, opened.id)


@of_both_ways
def test_nothing_follows_an_end(store, opened, event):
    """After a run's end, neither a press nor the worker with the lease can add an event."""
    store.end(opened, CANCELLED)
    before = kinds(store, opened)
    with held(store, opened) as lease:
        for writer in (store, store.held_by(lease)):
            with pytest.raises(RunEndedError):
                writer.append(opened.id, event)
    assert kinds(store, opened) == before


MEANWHILE = {
    "the lease goes": (take_over, LeaseLostError),
    "the run ends": (lambda store, run: store.end(run, CANCELLED), RunEndedError),
}


class Late(RunStore):
    """Store that lets something happen once, after the check of a write and before the write."""

    def __init__(self, store: RunStore, meanwhile) -> None:
        super().__init__(store.redis)
        self._meanwhile = [meanwhile]

    def _check(self, pipe, run_id: str, seen: list[bytes], *, opens: bool) -> list[bytes]:
        last = super()._check(pipe, run_id, seen, opens=opens)
        while self._meanwhile:
            self._meanwhile.pop()()
        return last


@of_both_ways
@pytest.mark.parametrize("happens", MEANWHILE)
def test_the_check_is_part_of_the_transaction(store, opened, event, happens):
    """If the lease is lost or the run ends between the check and the write, nothing is written."""
    act, error = MEANWHILE[happens]
    with held(store, opened) as lease:
        late = Late(store, lambda: act(store, opened))
        with pytest.raises(error):
            late.held_by(lease).append(opened.id, event)
    assert str(event.kind) not in kinds(store, opened)


def test_nothing_confirms_what_is_over(store, opened):
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


def test_a_gap_as_long_as_the_lease_needs_no_redis(store, opened, monkeypatch):
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
def test_a_stop_before_an_answer_is_noticed_after_it(store, opened, monkeypatch, command):
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


def test_another_run_of_the_mailbox_is_waited_for(store, asker, opened):
    """A new run waits while a worker has the lease of another run of its mailbox.

    This holds even if that other run has ended.
    """
    with held(store, opened):
        assert not store.others_at_work(opened)
        store.end(opened, CANCELLED)
        later = store.open(Channel(MAILBOX), asker, Origin("room-1", message="message-2"))
        assert store.others_at_work(later)
    assert not store.others_at_work(later)
