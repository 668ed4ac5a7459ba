"""Data of an older layout is migrated whole, or refused in a sentence; data of a newer one is refused."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from redis import Redis

from jobs.clock import now
from jobs.model import RunKind, Scope, Signals, State, Station
from jobs.runs import schema
from jobs.runs.audit import Trail
from jobs.runs.channel_index import ChannelIndex
from jobs.runs.migrations import MIGRATIONS
from jobs.runs.origin import Brief, FixBrief, Origin
from jobs.runs.run import Event, Kind
from jobs.runs.run_store import RunStore
from jobs.storage import codec
from tests.fixtures.older_data import OLD

KEY = base64.urlsafe_b64encode(b"0" * 32).decode()
"""The made-up key of ENCRYPTION_KEYS with which it sealed its audit trail."""
WHOLE = ("application", "client_secret", "customization", "smtp_auth")
RUNS: dict[str, tuple[Any, ...]] = {
    "OPENED": ("setup", None, 1, False, False, (), ()),
    "DETAIL": ("setup", None, 2, True, False, (), ()),
    "SIGNED": ("setup", None, 3, True, True, (), ()),
    "PLANND": ("setup", None, 9, True, True, (), ()),
    "APPRVD": ("setup", None, 11, True, True, ("mailbox", "tenant"), ()),
    "CHANGE": ("setup", None, 13, True, True, ("mailbox", "tenant"), ("application",)),
    "CNSENT": ("setup", None, 28, True, True, ("mailbox", "tenant"), WHOLE),
    "FORM22": ("setup", None, 31, True, True, ("mailbox", "tenant"), WHOLE),
    "TESTML": ("setup", None, 37, True, True, ("mailbox", "tenant"), WHOLE),
    "DONE22": ("setup", "finished", 40, True, True, ("mailbox", "tenant"), WHOLE),
    "BEFORE": ("setup", "finished", 40, True, True, ("mailbox", "tenant"), WHOLE),
    "CHECK2": ("check", None, 7, True, False, (), ()),
    "ROUND2": ("bulk_check", None, 4, True, False, (), ()),
    "FIXING": ("fix", None, 21, True, True, ("mailbox",), ("smtp_auth",)),
    "UNDO22": ("undo", None, 6, True, True, (), ()),
    "CANCEL": ("setup", "cancelled", 10, True, True, (), ()),
    "FAILED": ("setup", "failed", 5, True, True, (), ()),
    "NEWER2": ("setup", None, 4, True, True, (), ()),
    "READBL": ("setup", None, 3, True, False, (), ()),
}
"""As that version read each of them: kind, end, events, details, signed in, approvals, steps that were changed."""


def everything(redis: Redis) -> dict[bytes, bytes | None]:
    """What is in Redis, byte for byte."""
    return {key: redis.dump(key) for key in redis.scan_iter()}


@pytest.fixture
def old(old_data: Redis) -> RunStore:
    """A store of this version over the old data, migrated."""
    schema.ensure(old_data)
    return RunStore(old_data, (KEY,))


def test_the_fixture_has_a_run_in_every_stage():
    """And all its events together are of every kind but one that only stands beside a plan."""
    runs = {key.split(":")[1] for key in OLD if key.startswith("run:") and key.endswith(":events")}
    kinds = {json.loads(line)["kind"] for key, entry in OLD.items() if key.endswith(":events") for line in entry["value"]}
    assert (runs, {str(kind) for kind in Kind} - kinds) == (set(RUNS), {"differs", "unknown"})


@pytest.mark.parametrize("run_id", RUNS)
def test_every_run_stands_where_it_stood(old: RunStore, run_id: str):
    """Nothing of a run is lost, and nothing is read otherwise."""
    run = old.load(run_id)
    approvals, changed = tuple(sorted(map(str, run.approvals))), tuple(sorted(run.changed))
    assert (run.kind, run.ended, run.version, run.detailed, run.account is not None, approvals, changed) == RUNS[run_id]


def test_what_a_run_was_opened_with(old: RunStore):
    """Its origin and its brief, which were strings under names of one dictionary."""
    check, fixed, many = (old.load(run_id) for run_id in ("CHECK2", "FIXING", "ROUND2"))
    times = [datetime(2026, 11, 20, 9, minute, tzinfo=UTC) for minute in (20, 10)]
    assert check.origin == Origin("room-1", "thread-c", message="message-CHECK2")
    assert check.brief == Brief("client-1", "done@contoso.com", token_at=times[0], changed_at=times[1])
    fix = FixBrief(
        consent_missing=True,
        token_cause="session_revoked",
        manual_causes=("smtp_login",),
        checked_at=datetime(2026, 11, 20, 10, tzinfo=UTC),
    )
    assert (fixed.brief, many.brief.mailboxes) == (Brief("client-1", fix=fix), ("done@contoso.com", "undone@contoso.com"))


def test_a_check_of_a_shared_mailbox_that_sends_a_mail():
    """Asked for 1:1; the old data has none."""
    told = {"type": "direct", "kind": "check", "shared": "yes", "connect_test": "anna@contoso.com"}
    new = MIGRATIONS[-1].event({"kind": "opened", "at": "2026-11-20T09:00:00Z", "data": told})
    event = codec.load(json.dumps(new), Event)
    assert (event.run_kind, event.origin, event.brief, event.data) == (
        RunKind.CHECK,
        Origin(direct=True),
        Brief(shared=True, test_recipient="anna@contoso.com"),
        {},
    )


def test_signals_of_a_finding_get_their_types():
    """Times, counts and names that were texts among the facts are typed signals; ids stay facts."""
    at = datetime(2026, 11, 20, 9, tzinfo=UTC)
    facts = {"user_id": "u-1", "since": at.isoformat(), "missed": "2", "proven": "yes", "station": "connect", "disproved_by": "a b"}
    finding = {"step": "copies", "state": "wrong", "facts": facts}
    new = MIGRATIONS[-1].event({"kind": "found", "at": "2026-11-20T09:00:00Z", "step": "copies", "finding": finding})
    event = codec.load(json.dumps(new), Event)
    assert event.finding is not None
    assert event.finding.facts == {"user_id": "u-1"}
    assert event.finding.signals == Signals(since=at, missed=2, proven=True, station=Station.CONNECT, disproved_by=("a", "b"))
    assert MIGRATIONS[-1].event(new) == new


def test_what_an_undo_remembers(old: RunStore):
    """The values before and after each change, under their new names."""
    past = old.load("UNDO22").past
    assert {name: (each.values_before, each.values_after, each.runs) for name, each in past.items()} == {
        "application": ({"present": "no"}, {"present": "yes", "object_id": "obj-1"}, ("BEFORE",)),
        "client_secret": ({"made": ""}, {"made": "yes"}, ("BEFORE",)),
        "smtp_auth": ({"disabled": "true"}, {"disabled": "false"}, ("BEFORE",)),
        "customization": ({"enabled": "no"}, {"enabled": "yes"}, ("BEFORE",)),
    }


def test_what_runs_know(old: RunStore):
    """A plan and its approval, a change that was begun, what was found, what was answered, and a problem."""
    planned, changing, form, fixed, check = (old.load(run_id) for run_id in ("APPRVD", "CHANGE", "FORM22", "FIXING", "CHECK2"))
    assert planned.plan is not None
    assert all(planned.approved(line) for line in planned.plan.changes)
    assert planned.approvals[Scope.TENANT].by == "boss@contoso.com"
    assert (changing.change_applied("application"), changing.running) == (False, {"application"})
    assert (form.fact("client_id"), form.answer("token_saved"), form.changed["smtp_auth"].values_after) == (
        "client-1",
        "yes",
        {"disabled": "false"},
    )
    assert (fixed.demanded, fixed.resumed, fixed.brief.fix and fixed.brief.fix.manual_causes) == ({"customization"}, 1, ("smtp_login",))
    assert (check.findings["smtp_login"].state, check.checked is not None, check.problems["app_access"].code) == (
        State.WRONG,
        True,
        "AADSTS700016",
    )


def test_lists_and_the_trail(old: RunStore, redis: Redis):
    """Who holds which mailbox, what was proven, what was checked, what is due; the audit trail is whole."""
    channels = ChannelIndex(redis)
    assert [record.run for record in channels.connected()] == ["DONE22", "BEFORE"]
    assert (channels.running("form@contoso.com"), channels.running("cancelled@contoso.com")) == ("FORM22", "")
    last = old.last_check("done@contoso.com")
    assert last is not None
    assert (last.id, old.was_secret_shown("key-1"), len(old.runs_in_space("room-1", most=100))) == ("CHECK2", True, 17)
    assert "TESTML" in old.schedule.claim_due()
    assert (Trail(redis, (KEY,)).verify().broken_at, redis.exists("locks:held")) == (0, 0)


def test_once_is_enough(old_data: Redis):
    """The second start finds the number and changes nothing; without the number, the migration changes nothing more."""
    schema.ensure(old_data)
    after = everything(old_data)
    schema.ensure(old_data)
    assert everything(old_data) == after
    old_data.delete("schema")
    schema.ensure(old_data)
    assert everything(old_data) == after


def test_only_what_has_to_change_does(old_data: Redis):
    """Of the old keys: each run's beginning and one run's memory, the cards, and the list of held locks."""
    before = everything(old_data)
    schema.ensure(old_data)
    after = everything(old_data)
    differs = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    assert differs == {*(f"run:{run_id}:events".encode() for run_id in RUNS), b"cards:SIGNED", b"cards:DONE22", b"locks:held", b"schema"}


def test_how_long_a_run_is_kept_stays(old_data: Redis):
    """A check's history ends when it would have ended."""
    old_data.expire("run:UNDO22:events", 600)
    schema.ensure(old_data)
    assert 0 < old_data.ttl("run:UNDO22:events") <= 600


def test_an_empty_redis_gets_the_number(redis: Redis):
    """And nothing else."""
    schema.ensure(redis)
    assert everything(redis).keys() == {b"schema"}
    assert redis.get("schema") == str(MIGRATIONS[-1].to).encode()


@pytest.mark.parametrize(
    ("number", "words"),
    [(str(schema.NEWEST + 1), f"has layout {schema.NEWEST + 1}, and this version reads up to layout {schema.NEWEST}"), ("x", "holds 'x'")],
)
def test_what_is_newer_is_refused(old_data: Redis, number: str, words: str):
    """In a sentence, and nothing is touched."""
    old_data.set("schema", number)
    before = everything(old_data)
    with pytest.raises(schema.SchemaError, match=words):
        schema.ensure(old_data)
    assert (words in schema.problem(old_data), everything(old_data)) == (True, before)


@pytest.mark.parametrize(
    "line",
    [
        '{"kind": "found", "at": "2026-11-20T09:00:00Z", "finding": {"step": "tenant", "state": "purple"}}',
        '{"kind": "recalled", "at": "2026-11-20T09:00:00Z", "past": [{"step": "tenant"}]}',
        '{"kind": "planned", "at": "2026-11-20T09:00:00Z"}',
        "[]",
        "no JSON",
    ],
)
def test_a_run_that_cannot_be_read_is_refused(old_data: Redis, line: str):
    """Its key is named with what to do, and no run is migrated."""
    old_data.rpush("run:SIGNED:events", line)
    before = everything(old_data)
    with pytest.raises(schema.SchemaError, match=r"run:SIGNED:events cannot be migrated.*or delete that key"):
        schema.ensure(old_data)
    assert {key: value for key, value in everything(old_data).items() if key != b"locks:held"} == {
        key: value for key, value in before.items() if key != b"locks:held"
    }


def test_what_is_left_of_a_deleted_run_hinders_nobody(redis: Redis):
    """An event without a beginning is no run, before and after."""
    redis.rpush("run:GONE22:events", codec.dump(Event(Kind.CANCELLED, now())))
    schema.ensure(redis)
    assert schema.problem(redis) == ""
