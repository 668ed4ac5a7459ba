"""Origin and brief of a run, which have types from the run's first event on."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from jobs.model import Channel, Person, RunKind
from jobs.runs.fold import fold
from jobs.runs.run import Brief, Event, FixBrief, Kind, Origin, opening
from jobs.runs.run_store import RunStore
from jobs.storage import codec

AT = datetime(2026, 11, 25, 9, 30, 15, 250000, tzinfo=UTC)
CHANNEL, ASKER = Channel("support@contoso.com"), Person("person-1", "anna@contoso.com")
ORIGIN = Origin("room-1", "thread-1", direct=True, message="message-1")
FULL = Brief(
    "client-1",
    "s1@contoso.com",
    shared=True,
    token_at=AT,
    changed_at=AT,
    mailboxes=("a@b.c",),
)
FIX = Brief(
    fix=FixBrief(
        consent_missing=True,
        token_cause="grant_invalid",
        manual_causes=("mail_loop",),
        checked_at=AT,
    )
)


@pytest.mark.parametrize("brief", [FULL, FIX, Brief()])
@pytest.mark.parametrize("kind", RunKind)
def test_a_run_knows_what_it_was_opened_with(kind: RunKind, brief: Brief):
    """A run's kind, origin and brief are read back from JSON with their types."""
    event = codec.load(codec.dump(opening(CHANNEL, ASKER, kind, ORIGIN, brief)), Event)
    run = fold("R1", [event])
    assert (run.kind is kind, run.origin, run.brief) == (True, ORIGIN, brief)


def test_a_run_that_says_no_kind_is_a_setup():
    """A run whose first event has no kind is a setup with an empty origin and brief."""
    run = fold("R1", [Event(Kind.OPENED, AT, channel=CHANNEL, person=ASKER)])
    assert (run.kind, run.origin, run.brief) == (RunKind.SETUP, Origin(), Brief())


def test_the_audit_trail_says_where_it_was_asked_for(store: RunStore):
    """A run's first audit entry has its origin and brief, without their empty fields."""
    store.check(CHANNEL, ASKER, ORIGIN, brief=FIX)
    entry = codec.load(store.audit.entries()[0], dict)
    origin = {"room": "room-1", "thread": "thread-1", "direct": True, "message": "message-1"}
    assert (
        entry["kind"],
        entry["room"],
        entry["origin"],
        entry["brief"]["fix"]["manual_causes"],
        "data" in entry,
    ) == (
        "check",
        "room-1",
        origin,
        ["mail_loop"],
        False,
    )
