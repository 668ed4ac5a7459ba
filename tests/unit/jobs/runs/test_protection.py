"""Protection of older data with MACs, which happens once and cannot be triggered a second time."""

from __future__ import annotations

import base64

import pytest
from redis import Redis

from jobs.clock import now
from jobs.runs import schema, trust
from jobs.runs.event_log import foreign_event
from jobs.runs.run import Event, ForeignRunError, Kind
from jobs.runs.run_store import RunStore
from jobs.storage import codec

KEY = base64.urlsafe_b64encode(b"0" * 32).decode()
"""The made-up key of ENCRYPTION_KEYS with which the older data's audit trail is sealed."""


@pytest.fixture
def old(old_data: Redis) -> RunStore:
    """Return a store of this version on migrated older data."""
    schema.ensure(old_data, (KEY,))
    return RunStore(old_data, (KEY,))


def test_approvals_of_older_runs_are_in_the_trail(old: RunStore):
    """Approvals of older runs count after the migration, which seals the old audit trail."""
    run = old.load("APPRVD")
    assert [
        trust.is_audited(old, run.id, scope, word) for scope, word in run.approvals.items()
    ] == [
        True,
        True,
    ]
    assert old.audit.verify().broken_at == 0


FORGED = {
    "the number set back": {"schema": "2"},
    "the number deleted": {"schema": None},
    "the trail deleted, too": {"schema": "2", "audit:entries": None, "audit:head": None},
}


@pytest.mark.parametrize("how", FORGED)
def test_nothing_is_protected_a_second_time(old: RunStore, redis: Redis, how: str):
    """An attacker who sets the layout's number back gets no forged entries signed.

    The next start of the bot does not sign them.
    """
    event = codec.dump(Event(Kind.APPROVED, now(), data={"plan": "p", "scope": "mailbox"}))
    redis.rpush("run:PLANND:events", event)
    redis.set("channel:new@contoso.com", '{"run":"X","at":"2026-11-20T09:00:00Z"}')
    for key, value in FORGED[how].items():
        redis.delete(key) if value is None else redis.set(key, value)
    schema.ensure(redis, (KEY,))
    run = old.load("PLANND")
    assert (redis.get("schema"), foreign_event(run), run.approvals) == (b"3", run.version + 1, {})
    assert old.channels.record("new@contoso.com") is None


def test_a_trail_that_was_changed_protects_nothing(old_data: Redis):
    """If the audit trail of older data was changed, the migrated runs are not trusted."""
    old_data.rpush("audit:entries", '{"what":"approved"}')
    schema.ensure(old_data, (KEY,))
    with pytest.raises(ForeignRunError):
        RunStore(old_data, (KEY,)).load("DONE22")
