"""Retention of runs, cards and audit entries: which of them are removed, and which never are."""

import pytest

from jobs.clock import now
from jobs.model import Change, Channel, RunKind, Scope, Text
from jobs.runs.audit import read
from jobs.runs.retention import Retention
from jobs.runs.run import Event, Kind, Origin, RecordedChange
from jobs.storage import codec
from tests.fixtures.run_events import changing, found

MAILBOX = "support@contoso.com"
DAY_S = 24 * 3600
RUN_DAYS, AUDIT_DAYS = 180, 730
CHANGE = Change("smtp_auth", "M2", Text("a"), Text("b"), Text("c"), Scope.MAILBOX, "x")


@pytest.fixture
def clear(store, pass_time):
    """Return a function that lets days pass, and does a whole pass as a new worker does it."""

    def one_pass(days: float = 0) -> None:
        pass_time(days * DAY_S)
        retention = Retention(store, RUN_DAYS, AUDIT_DAYS)
        for _ in range(50):
            retention()

    return one_pass


@pytest.fixture
def run_of(store, asker):
    """Return a function that opens a run with the given events, each from a message of its own."""
    count = iter(range(1_000))

    def opened(events=(), mailbox=MAILBOX, kind=RunKind.SETUP, end=Kind.CANCELLED):
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
    return changing("smtp_auth"), Event(Kind.CHANGED, now(), step="smtp_auth")


def undone() -> tuple[Event, ...]:
    """Return the events of an undo that has restored a value."""
    past = RecordedChange("smtp_auth", CHANGE, Text("b"), {}, {}, ())
    return Event(Kind.RECALLED, now(), past=(past,)), found("smtp_auth")


def there(redis, *runs) -> tuple[bool, ...]:
    """Return for each run whether its history exists in Redis."""
    return tuple(bool(redis.exists(f"run:{run.id}:events")) for run in runs)


def test_an_old_run_that_nothing_needs(redis, store, run_of, clear):
    """An old run that nothing needs is removed with its cards and its places in the indexes.

    A run that began long ago and ended a moment ago is kept.
    """
    old, late = run_of(), run_of(end=None, mailbox="sales@contoso.com")
    clear(RUN_DAYS - 1)
    assert there(redis, old) == (True,)
    clear(2)
    recent = run_of()
    store.end(late, Event(Kind.CANCELLED, now()))
    clear()
    left = {key.decode() for key in redis.scan_iter() if old.id in key.decode()}
    assert (left, there(redis, recent, late)) == (set(), (True, True))
    assert set(redis.zrange("space:room-1:runs", 0, -1)) == {recent.id.encode(), late.id.encode()}
    assert redis.zrange(f"channel:{MAILBOX}:runs", 0, -1) == [recent.id.encode()]


SECOND = {"events": (*undone(), *changed()), "kind": RunKind.UNDO, "end": Kind.FINISHED}


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        # every run of a connected channel, for an undo
        (({}, {"events": changed(), "end": Kind.FINISHED}), (True, True)),
        # one that waits for a person, and all before it
        (({}, {"end": None}, {"mailbox": "", "end": None}), (True, True, True)),
        # a change that can still be undone
        (({}, {"events": changed()}), (False, True)),
        # no undo, and nothing that it has undone
        (({"events": changed()}, SECOND, {"events": changed()}), (False, False, True)),
    ],
)
def test_what_is_needed_is_kept_however_old(redis, run_of, clear, wanted, kept):
    runs = [run_of(**each) for each in wanted]
    clear(10 * RUN_DAYS)
    assert there(redis, *runs) == kept


def test_a_history_that_is_no_list_stays_for_the_operator(redis, run_of, clear):
    """A client of Redis that writes another type of value does not keep old runs from going."""
    old = run_of()
    redis.set("run:FOREIGN:events", "text")
    clear(10 * RUN_DAYS)
    assert (there(redis, old), redis.get("run:FOREIGN:events")) == ((False,), b"text")


def test_checks_end_by_themselves(redis, store, asker, clear):
    """The history of a check expires in Redis by itself, and its cards expire at the same time."""
    origin = Origin("room-1", message="message-1")
    check = store.open(Channel(MAILBOX), asker, origin, RunKind.CHECK)
    redis.hset(f"cards:{check.id}", "verdict", "{}")
    clear()
    assert there(redis, check) == (True,)
    assert abs(redis.ttl(f"cards:{check.id}") - redis.ttl(f"run:{check.id}:events")) < 60


def test_cards_end_with_their_run(redis, run_of, clear):
    """The cards of a run that is needed stay. If a run is gone, its cards expire within a day."""
    finished, going_on = run_of(end=Kind.FINISHED, mailbox="sales@contoso.com"), run_of(end=None)
    redis.hset("cards:GONE22", "plan", "{}")
    clear(RUN_DAYS + 1)
    assert [redis.ttl(f"cards:{run.id}") for run in (finished, going_on)] == [-1, -1]
    assert 0 < redis.ttl("cards:GONE22") <= DAY_S


@pytest.mark.parametrize("later_s", [DAY_S, -2 * DAY_S])
def test_a_slice_is_bounded(redis, store, run_of, pass_time, monkeypatch, later_s):
    """One slice of retention looks at only some keys.

    All slices together remove every run that is old enough. The next pass begins a day later, or at
    once if an error has ended this one. So it does if the clock was set back by days.
    """
    monkeypatch.setattr("jobs.runs.retention.KEYS_AT_ONCE", 5)
    runs = [run_of(mailbox=f"box{number}@contoso.com") for number in range(16)]
    pass_time((RUN_DAYS + 1) * DAY_S)
    retention, left = Retention(store, RUN_DAYS, AUDIT_DAYS), []
    with monkeypatch.context() as away:
        away.setattr(redis, "scan", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            retention()
    for _ in range(60):
        retention()
        left.append(sum(there(redis, *runs)))
    assert any(0 < each < len(runs) for each in left)
    assert left[-1] == 0
    redis.hset("cards:GONE22", "plan", "{}")
    retention()
    assert redis.ttl("cards:GONE22") == -1
    pass_time(later_s)
    for _ in range(50):
        retention()
    assert redis.ttl("cards:GONE22") > 0


def test_a_run_that_gets_an_event_at_that_moment(redis, store, run_of, pass_time, monkeypatch):
    """A run that gets an event while retention judges it is not removed.

    The store adds nothing after a run's end, but another client of Redis may do so.
    """
    old = run_of()
    pass_time((RUN_DAYS + 1) * DAY_S)
    retention = Retention(store, RUN_DAYS, AUDIT_DAYS)
    judged = retention._unneeded  # noqa: SLF001  the moment between judging and removing

    def meanwhile(mailbox: str, runs):
        redis.rpush(f"run:{old.id}:events", codec.dump(Event(Kind.LOOK_AGAIN, now())))
        return judged(mailbox, runs)

    monkeypatch.setattr(retention, "_unneeded", meanwhile)
    retention()
    assert there(redis, old) == (True,)


def test_old_audit_entries(store, run_of, clear):
    """Audit entries are removed at their own age.

    A new entry records the removal, and the remaining entries can be verified.
    """
    run_of()
    before = len(store.audit.entries())
    clear(AUDIT_DAYS - 2)
    assert len(store.audit.entries()) == before
    recent = run_of(mailbox="sales@contoso.com")
    clear(4)
    kept = list(map(read, store.audit.entries()))
    assert {each["run"] for each in kept if "run" in each} == {recent.id}
    assert (kept[-1]["what"], kept[-1]["data"]["count"]) == ("cleared", str(before))
    assert store.audit.verify().broken_at == 0


def test_a_broken_trail_is_logged(store, redis, run_of, monkeypatch, capsys, pass_time):
    """The worker logs an audit entry that somebody has changed, also if the clock was set back.

    If an error has ended a verification, the next one does not wait for a day.
    """
    run_of()
    retention = Retention(store, RUN_DAYS, AUDIT_DAYS)
    retention()
    pass_time(-2 * DAY_S)
    redis.lset("audit:entries", 0, '{"n":1,"what":"forged"}')
    with monkeypatch.context() as away:
        away.setattr(store.audit, "verify", lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            retention()
    retention()
    assert "audit trail is broken" in capsys.readouterr().out
    assert store.audit.verify().broken_at == 1
