"""Retention of runs, cards and audit entries: which of them are removed, and which never are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from redis import Redis

from jobs.clock import now
from jobs.model import Change, Channel, Finding, Person, RunKind, Scope, State, Text
from jobs.runs.audit import read
from jobs.runs.retention import Retention
from jobs.runs.run import Event, Kind, Origin, RecordedChange, Run
from jobs.runs.run_store import RunStore
from jobs.storage import codec

MAILBOX = "support@contoso.com"
DAY_S = 24 * 3600
RUN_DAYS, AUDIT_DAYS = 180, 730
Clear = Callable[..., None]
CHANGE = Change("smtp_auth", "M2", Text("a"), Text("b"), Text("c"), Scope.MAILBOX, "x")


@pytest.fixture
def clear(store: RunStore) -> Clear:
    """Return a function that does one whole pass of retention, as a new worker does it."""

    def one_pass() -> None:
        retention = Retention(store, RUN_DAYS, AUDIT_DAYS)
        for _ in range(50):
            retention()

    return one_pass


@pytest.fixture
def run_of(store: RunStore, asker: Person) -> Callable[..., Run]:
    """Return a function that opens a run with the given events, each from a message of its own."""
    count = iter(range(1_000))

    def opened(
        *events: Event,
        mailbox: str = MAILBOX,
        kind: RunKind = RunKind.SETUP,
        end: Kind | None = Kind.CANCELLED,
    ) -> Run:
        origin = Origin("room-1", message=f"message-{next(count)}")
        run = store.open(Channel(mailbox), asker, origin, kind)
        if events:
            store.append(run.id, *events)
        if end:
            store.end(store.load(run.id), Event(end, now()))
        store.redis.hset(f"cards:{run.id}", "plan", "{}")
        return store.load(run.id)

    return opened


def changed() -> tuple[Event, ...]:
    """Return the events of a change that was made."""
    found = Finding("smtp_auth", State.WRONG)
    return (
        Event(Kind.CHANGING, now(), step="smtp_auth", finding=found, changes=(CHANGE,)),
        Event(Kind.CHANGED, now(), step="smtp_auth"),
    )


def undone() -> tuple[Event, ...]:
    """Return the events of an undo that has restored a value."""
    past = RecordedChange("smtp_auth", CHANGE, Text("b"), {}, {}, ())
    return (
        Event(Kind.RECALLED, now(), past=(past,)),
        Event(Kind.FOUND, now(), step="smtp_auth", finding=Finding("smtp_auth", State.OK)),
    )


def there(redis: Redis, run: Run) -> bool:
    """Return whether the run's history exists in Redis."""
    return bool(redis.exists(f"run:{run.id}:events"))


def test_an_old_run_that_nothing_needs(
    redis: Redis, run_of: Callable[..., Run], clear: Clear, pass_time: Callable[[float], None]
):
    """An old run that nothing needs is removed with its cards and its places in the indexes."""
    old = run_of()
    pass_time((RUN_DAYS - 1) * DAY_S)
    clear()
    assert there(redis, old)
    pass_time(2 * DAY_S)
    recent = run_of()
    clear()
    left = {key.decode() for key in redis.scan_iter() if old.id in key.decode()}
    assert (left, there(redis, recent)) == (set(), True)
    assert [raw.decode() for raw in redis.zrange("space:room-1:runs", 0, -1)] == [recent.id]
    assert [raw.decode() for raw in redis.zrange(f"channel:{MAILBOX}:runs", 0, -1)] == [recent.id]


NEEDED: dict[str, tuple[tuple[dict[str, Any], ...], tuple[bool, ...]]] = {
    "every run of a connected channel, for an undo": (
        ({}, {"events": changed(), "end": Kind.FINISHED}),
        (True, True),
    ),
    "one that waits for a person, and all before it": (
        ({}, {"end": None}, {"mailbox": "", "end": None}),
        (True, True, True),
    ),
    "a change that can still be undone": (({}, {"events": changed()}), (False, True)),
    "no undo, and nothing that it has undone": (
        (
            {"events": changed()},
            {"events": (*undone(), *changed()), "kind": RunKind.UNDO, "end": Kind.FINISHED},
            {"events": changed()},
        ),
        (False, False, True),
    ),
}


@pytest.mark.parametrize("what", NEEDED)
def test_what_is_needed_is_kept_however_old(
    redis: Redis,
    run_of: Callable[..., Run],
    clear: Clear,
    pass_time: Callable[[float], None],
    what: str,
):
    wanted, kept = NEEDED[what]
    runs = [
        run_of(*each.get("events", ()), **{n: v for n, v in each.items() if n != "events"})
        for each in wanted
    ]
    pass_time(10 * RUN_DAYS * DAY_S)
    clear()
    assert tuple(there(redis, run) for run in runs) == kept


def test_the_newest_end_decides(
    redis: Redis,
    store: RunStore,
    run_of: Callable[..., Run],
    clear: Clear,
    pass_time: Callable[[float], None],
):
    """Retention keeps a run that began long ago and ended a moment ago."""
    late = run_of(end=None)
    pass_time((RUN_DAYS + 1) * DAY_S)
    store.end(late, Event(Kind.CANCELLED, now()))
    clear()
    assert there(redis, late)


def test_checks_end_by_themselves(redis: Redis, store: RunStore, asker: Person, clear: Clear):
    """The history of a check expires in Redis by itself, and its cards expire at the same time."""
    check = store.check(Channel(MAILBOX), asker, Origin("room-1", message="message-1"))
    redis.hset(f"cards:{check.id}", "verdict", "{}")
    clear()
    assert there(redis, check)
    assert abs(redis.ttl(f"cards:{check.id}") - redis.ttl(f"run:{check.id}:events")) < 60


def test_cards_get_an_end(redis: Redis, run_of: Callable[..., Run], clear: Clear):
    """The cards of an ended run expire, even if the run has proven a connected channel.

    The cards of an open run do not expire. If the run is gone, its cards expire within a day.
    """
    ended, finished = run_of(), run_of(end=Kind.FINISHED, mailbox="sales@contoso.com")
    going_on = run_of(end=None)
    redis.hset("cards:GONE22", "plan", "{}")
    clear()
    ends = {run.id: redis.ttl(f"cards:{run.id}") for run in (ended, finished, going_on)}
    assert ends[going_on.id] == -1
    for run in (ended, finished):
        assert RUN_DAYS * DAY_S - 60 < ends[run.id] <= RUN_DAYS * DAY_S
    assert 0 < redis.ttl("cards:GONE22") <= DAY_S


def test_a_slice_is_bounded(
    redis: Redis,
    store: RunStore,
    run_of: Callable[..., Run],
    pass_time: Callable[[float], None],
    monkeypatch: pytest.MonkeyPatch,
):
    """One slice of retention looks at only some keys.

    All slices together remove every run that is old enough.
    """
    monkeypatch.setattr("jobs.runs.retention.KEYS_AT_ONCE", 10)
    runs = [run_of(mailbox=f"box{number}@contoso.com") for number in range(40)]
    pass_time((RUN_DAYS + 1) * DAY_S)
    retention, left = Retention(store, RUN_DAYS, AUDIT_DAYS), []
    for _ in range(60):
        retention()
        left.append(sum(there(redis, run) for run in runs))
    assert any(0 < each < len(runs) for each in left)
    assert left[-1] == 0


def test_a_pass_a_day(
    redis: Redis, store: RunStore, run_of: Callable[..., Run], pass_time: Callable[[float], None]
):
    """After a pass of retention, the next one begins a day later."""
    retention = Retention(store, RUN_DAYS, AUDIT_DAYS)
    for _ in range(50):
        retention()
    redis.hset("cards:GONE22", "plan", "{}")
    retention()
    assert redis.ttl("cards:GONE22") == -1
    pass_time(DAY_S)
    for _ in range(50):
        retention()
    assert redis.ttl("cards:GONE22") > 0


def test_a_pass_that_an_error_has_ended_begins_again(
    redis: Redis, store: RunStore, monkeypatch: pytest.MonkeyPatch
):
    redis.hset("cards:GONE22", "plan", "{}")
    retention = Retention(store, RUN_DAYS, AUDIT_DAYS)
    with monkeypatch.context() as away:
        away.setattr(redis, "scan", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            retention()
    retention()
    assert redis.ttl("cards:GONE22") > 0


def test_a_run_that_gets_an_event_at_that_moment(
    redis: Redis,
    store: RunStore,
    run_of: Callable[..., Run],
    pass_time: Callable[[float], None],
    monkeypatch: pytest.MonkeyPatch,
):
    """A run that gets an event while retention judges it is not removed.

    The store adds nothing after a run's end, but another client of Redis may do so.
    """
    old = run_of()
    pass_time((RUN_DAYS + 1) * DAY_S)
    retention = Retention(store, RUN_DAYS, AUDIT_DAYS)
    judged = retention._unneeded  # noqa: SLF001  the moment between judging and removing

    def meanwhile(mailbox: str, runs: tuple[Run, ...]) -> list[Run]:
        found = list(judged(mailbox, runs))
        redis.rpush(f"run:{old.id}:events", codec.dump(Event(Kind.LOOK_AGAIN, now())))
        return found

    monkeypatch.setattr(retention, "_unneeded", meanwhile)
    retention()
    assert there(redis, old)


def entries(store: RunStore) -> list[dict[str, Any]]:
    """Return the entries of the audit trail."""
    return [read(line) for line in store.audit.entries()]


def test_old_audit_entries(
    store: RunStore, run_of: Callable[..., Run], clear: Clear, pass_time: Callable[[float], None]
):
    """Audit entries are removed at their own age.

    A new entry records the removal, and the remaining entries can be verified.
    """
    run_of()
    before = len(entries(store))
    pass_time((AUDIT_DAYS - 2) * DAY_S)
    clear()
    assert len(entries(store)) == before
    recent = run_of(mailbox="sales@contoso.com")
    pass_time(4 * DAY_S)
    clear()
    kept = entries(store)
    assert {each["run"] for each in kept if "run" in each} == {recent.id}
    assert (kept[-1]["what"], kept[-1]["data"]["count"]) == ("cleared", str(before))
    assert store.audit.verify().broken_at == 0


def test_a_broken_trail_is_logged(
    store: RunStore, redis: Redis, run_of: Callable[..., Run], clear: Clear, capsys: Any
):
    """The worker logs an audit entry that somebody has changed."""
    run_of()
    redis.lset("audit:entries", 0, '{"n":1,"what":"forged"}')
    clear()
    assert "audit trail is broken" in capsys.readouterr().out
    assert store.audit.verify().broken_at == 1
