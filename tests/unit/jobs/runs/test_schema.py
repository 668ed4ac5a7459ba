"""Migration of older data, which succeeds as a whole or is refused, and refusal of newer data."""

from __future__ import annotations

import base64
import json
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest
from redis import Redis

from jobs.clock import now
from jobs.model import NO_SIGNALS, Scope, Signals, State
from jobs.runs import schema
from jobs.runs.audit import Trail
from jobs.runs.audit_entries import About
from jobs.runs.migrations import MIGRATIONS
from jobs.runs.origin import Brief, Origin
from jobs.runs.run import Event, Kind, Run
from jobs.runs.run_store import RunStore
from jobs.storage import codec
from tests.fixtures.older_data import OLD
from tests.unit.jobs.runs.older_runs import BRIEFS, ORIGINS, RUNS, SIGNALS

KEY = base64.urlsafe_b64encode(b"0" * 32).decode()
"""Made-up key of ENCRYPTION_KEYS with which the older data's audit trail is sealed."""


SINCE = ("searched", "discovered", "silent")
"""Kinds of events that are newer than the older data. Older versions ignore them."""


def origin_of(run_id: str) -> Origin:
    """Return the origin of a run of the older data: a thread of its own in the same space."""
    return Origin("room-1", f"thread-{run_id}", message=f"message-{run_id}")


def everything(redis: Redis) -> dict[bytes, bytes | None]:
    """Return every key of Redis with its serialized value, except for the counter of the locks."""
    return {key: redis.dump(key) for key in redis.scan_iter() if key != b"locks:number"}


@pytest.fixture
def old(old_data: Redis) -> RunStore:
    """Return a store of this version on migrated older data."""
    schema.ensure(old_data, (KEY,))
    return RunStore(old_data, (KEY,))


def test_the_fixture_has_a_run_in_every_stage():
    """The older data has all expected runs.

    It has every kind of event of that time except for DIFFERS and UNKNOWN.
    """
    runs = {key.split(":")[1] for key in OLD if key.startswith("run:") and key.endswith(":events")}
    kinds = {
        json.loads(line)["kind"]
        for key, entry in OLD.items()
        if key.endswith(":events")
        for line in entry["value"]
    }
    assert (runs, {str(kind) for kind in Kind} - kinds) == (
        set(RUNS),
        {"differs", "unknown", *SINCE},
    )


def stands(run: Run) -> tuple[Any, ...]:
    """Return the state of a run in the form of the table RUNS."""
    approvals, changed = tuple(sorted(map(str, run.approvals))), tuple(sorted(run.changed))
    return (
        run.kind,
        run.ended,
        run.version,
        run.detailed,
        run.account is not None,
        approvals,
        changed,
    )


def signals_of(run: Run) -> dict[str, Signals]:
    """Return the signals of a run's findings, by step."""
    return {
        step: finding.signals
        for step, finding in run.findings.items()
        if finding.signals != NO_SIGNALS
    }


def test_every_run_stands_where_it_stood(old: RunStore):
    """After the migration every run has the same state as before."""
    assert {run_id: stands(old.load(run_id)) for run_id in RUNS} == RUNS


def test_where_each_run_was_asked_for_and_what_it_was_told(old: RunStore):
    """The migration gives each run's origin and brief typed fields in the first event.

    Nothing is left in the dictionary of strings that had held both.
    """
    runs = {run_id: old.load(run_id) for run_id in RUNS}
    origins = {run_id: ORIGINS.get(run_id, origin_of(run_id)) for run_id in RUNS}
    assert {run_id: run.origin for run_id, run in runs.items()} == origins
    briefs = {run_id: BRIEFS.get(run_id, Brief()) for run_id in RUNS}
    assert {run_id: run.brief for run_id, run in runs.items()} == briefs
    assert [run_id for run_id in RUNS if old.events(run_id)[0].data] == []


def test_what_each_finding_signals(old: RunStore):
    """The migration moves times, counts and names from a finding's facts to typed signals.

    IDs are still facts.
    """
    runs = [old.load(run_id) for run_id in RUNS]
    assert {run.id: signals_of(run) for run in runs if signals_of(run)} == SIGNALS
    facts = {name for run in runs for found in run.findings.values() for name in found.facts}
    assert facts & set(Signals.__struct_fields__) == set()


def test_the_fixture_has_every_signal_and_every_word_of_a_brief():
    """The older data uses every field of that time.

    So the two tests about briefs and signals cover all of them.
    """
    told = [each for signals in SIGNALS.values() for each in signals.values()]
    never = {
        name
        for name in Signals.__struct_fields__
        if all(getattr(each, name) == getattr(NO_SIGNALS, name) for each in told)
    }
    words = {
        each.name
        for each in fields(Brief)
        if all(getattr(brief, each.name) == each.default for brief in BRIEFS.values())
    }
    later = {"by_hand", "delegate", "discover", "keep"}
    assert (never, words) == ({"changes"}, later)  # which layout 1 did not know


def test_the_bulk_check_of_a_space_is_found(old: RunStore):
    """The migration renames the key and the kind of a space's bulk check and keeps its expiry."""
    old.redis.delete("schema")
    old.redis.set("space:room-2:round", "ROUND3", ex=600)
    old.redis.set("run:ROUND3:about", '{"run":"ROUND3","kind":"round","mailbox":""}', ex=600)
    schema.ensure(old.redis, (KEY,))
    assert [old.redis.get(f"space:{room}:bulk_check") for room in ("room-1", "room-2")] == [
        b"ROUND2",
        b"ROUND3",
    ]
    assert old.redis.keys("space:*:round") == []
    assert all(
        0 < old.redis.ttl(key) <= 600 for key in ("space:room-2:bulk_check", "run:ROUND3:about")
    )
    told = [old.redis.get(f"run:{run_id}:about") for run_id in ("ROUND2", "ROUND3")]
    assert [codec.load(raw, About).kind for raw in told if isinstance(raw, bytes)] == [
        "bulk_check",
        "bulk_check",
    ]


def test_a_newer_bulk_check_stays(redis: Redis):
    """A bulk check that the new version stored during an interrupted migration is kept."""
    redis.set("space:room-1:round", "OLDER2")
    redis.set("space:room-1:bulk_check", "NEWER2")
    schema.ensure(redis)
    assert (redis.get("space:room-1:bulk_check"), redis.exists("space:room-1:round")) == (
        b"NEWER2",
        0,
    )


@pytest.mark.parametrize(
    ("told", "moment"),
    [
        ("2026-11-20T09:00:00.1234567Z", datetime(2026, 11, 20, 9, 0, 0, 123456, UTC)),
        ("2026-11-20T09:00:00", datetime(2026, 11, 20, 9, tzinfo=UTC)),
        ("yesterday", None),
        ("", None),
    ],
)
def test_a_time_that_a_cloud_had_written(told: str, moment: datetime | None):
    """The migration reads a time without a zone as UTC, and text that is not a time as None.

    The old version read them in the same way, and no run is refused because of them.
    """
    finding = {
        "step": "conditional_access",
        "state": "possible",
        "facts": {"elsewhere_since": told},
    }
    new = MIGRATIONS[0].event(
        {
            "kind": "found",
            "at": "2026-11-20T09:00:00Z",
            "step": "conditional_access",
            "finding": finding,
        }
    )
    event = codec.load(json.dumps(new), Event)
    assert event.finding is not None
    assert event.finding.signals == Signals(elsewhere_since=moment)
    assert MIGRATIONS[0].event(new) == new


def test_what_an_undo_remembers(old: RunStore):
    """The migration keeps an undo's values before and after each change under their new names."""
    past = old.load("UNDO22").past
    assert {
        name: (each.values_before, each.values_after, each.runs) for name, each in past.items()
    } == {
        "application": ({"present": "no"}, {"present": "yes", "object_id": "obj-1"}, ("BEFORE",)),
        "client_secret": ({"made": ""}, {"made": "yes"}, ("BEFORE",)),
        "smtp_auth": ({"disabled": "true"}, {"disabled": "false"}, ("BEFORE",)),
        "customization": ({"enabled": "no"}, {"enabled": "yes"}, ("BEFORE",)),
    }


def test_what_runs_know(old: RunStore):
    """Plans, approvals, begun changes, facts, answers and problems survive the migration."""
    planned, changing, form, fixed, check = (
        old.load(run_id) for run_id in ("APPRVD", "CHANGE", "FORM22", "FIXING", "CHECK2")
    )
    assert planned.plan is not None
    assert all(planned.approved(line) for line in planned.plan.changes)
    assert planned.approvals[Scope.TENANT].by == "boss@contoso.com"
    assert (changing.change_applied("application"), changing.running) == (False, {"application"})
    assert (
        form.fact("client_id"),
        form.answer("token_saved"),
        form.changed["smtp_auth"].values_after,
    ) == (
        "client-1",
        "yes",
        {"disabled": "false"},
    )
    assert (fixed.demanded, fixed.resumed, fixed.brief.fix and fixed.brief.fix.manual_causes) == (
        {"customization"},
        1,
        ("smtp_login",),
    )
    assert (
        check.findings["smtp_login"].state,
        check.checked is not None,
        check.problems["app_access"].code,
    ) == (
        State.WRONG,
        True,
        "AADSTS700016",
    )


def test_lists_and_the_trail(old: RunStore, redis: Redis):
    """The lists of channels, checks and due runs survive the migration.

    The audit trail is still valid.
    """
    channels = old.channels
    assert [record.run for record in channels.connected()] == ["DONE22", "BEFORE"]
    assert (channels.running("form@contoso.com"), channels.running("cancelled@contoso.com")) == (
        "FORM22",
        "",
    )
    last = old.last_check("done@contoso.com")
    assert last is not None
    assert (last.id, old.was_secret_shown("key-1"), len(old.runs_in_space("room-1", most=100))) == (
        "CHECK2",
        True,
        17,
    )
    assert "TESTML" in old.schedule.claim_due()
    assert (Trail(redis, (KEY,)).verify().broken_at, redis.exists("locks:held")) == (0, 0)


def test_once_is_enough(old_data: Redis):
    """A second migration changes nothing, even if the number of the layout is missing."""
    schema.ensure(old_data, (KEY,))
    after = everything(old_data)
    schema.ensure(old_data, (KEY,))
    assert everything(old_data) == after
    old_data.delete("schema")
    schema.ensure(old_data, (KEY,))
    assert everything(old_data) == after


def test_only_what_has_to_change_does(old_data: Redis):
    """The migration changes only the keys that get a MAC or a seal, and a few others.

    A MAC or a seal is for each run's history and description, the cards, the records of channels,
    the links, and the end of the audit trail. The others are a space's bulk check and its kind, the
    held locks, and the number of the layout.
    """
    before = everything(old_data)
    schema.ensure(old_data, (KEY,))
    after = everything(old_data)
    differs = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    runs = {f"run:{run_id}:events".encode() for run_id in RUNS}
    abouts = {key for key in before if key.startswith(b"run:") and key.endswith(b":about")}
    links = {key for key in before | after if key.startswith((b"ticket:", b"sealed:page:"))}
    assert differs == runs | abouts | links | {
        b"space:room-1:round",
        b"space:room-1:bulk_check",
        b"channel:done@contoso.com",
        b"channel:undone@contoso.com",
        b"audit:entries",
        b"audit:head",
        b"cards:SIGNED",
        b"cards:DONE22",
        b"locks:held",
        b"schema",
    }


def test_how_long_a_run_is_kept_stays(old_data: Redis):
    """The migration keeps the time at which a run's history expires."""
    old_data.expire("run:UNDO22:events", 600)
    schema.ensure(old_data, (KEY,))
    assert 0 < old_data.ttl("run:UNDO22:events") <= 600


def test_an_empty_redis_gets_the_number(redis: Redis):
    """The migration of an empty Redis writes the number of the newest layout and nothing else."""
    schema.ensure(redis)
    assert everything(redis).keys() == {b"schema"}
    assert redis.get("schema") == str(MIGRATIONS[-1].to).encode()


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (
            str(schema.NEWEST + 1),
            f"has layout {schema.NEWEST + 1}, and this version reads up to layout {schema.NEWEST}",
        ),
        ("x", "holds 'x'"),
    ],
)
def test_what_is_newer_is_refused(old_data: Redis, number: str, words: str):
    """Data of a newer or unknown layout is refused with an explanation, and nothing is changed."""
    old_data.set("schema", number)
    before = everything(old_data)
    with pytest.raises(schema.SchemaError, match=words):
        schema.ensure(old_data, (KEY,))
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
    """The migration is refused if a run cannot be read, and no run is changed.

    The error names the key and says that it can be deleted.
    """
    old_data.rpush("run:SIGNED:events", line)
    before = everything(old_data)
    with pytest.raises(
        schema.SchemaError, match=r"run:SIGNED:events cannot be migrated.*or delete that key"
    ):
        schema.ensure(old_data, (KEY,))
    assert {key: value for key, value in everything(old_data).items() if key != b"locks:held"} == {
        key: value for key, value in before.items() if key != b"locks:held"
    }


@pytest.mark.parametrize("value", ["no JSON", "[]", "{", "3"])
def test_an_audit_part_that_cannot_be_read_is_refused(old_data: Redis, value: str):
    """The migration is refused if a run's audit description cannot be read, and no run is changed.

    The error names the key.
    """
    old_data.set("run:SIGNED:about", value)
    before = old_data.lrange("run:SIGNED:events", 0, -1)
    with pytest.raises(schema.SchemaError, match=r"run:SIGNED:about cannot be migrated"):
        schema.ensure(old_data, (KEY,))
    assert old_data.lrange("run:SIGNED:events", 0, -1) == before


def test_what_is_left_of_a_deleted_run_hinders_nobody(redis: Redis):
    """Events of a deleted run that lack the first one do not stop the migration."""
    redis.rpush("run:GONE22:events", codec.dump(Event(Kind.CANCELLED, now())))
    schema.ensure(redis)
    assert schema.problem(redis) == ""
