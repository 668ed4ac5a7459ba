"""Refreshing of a run, which gives the same run as reading all of its events."""

from __future__ import annotations

from redis import Redis

from jobs.clock import now
from jobs.model import Channel, Finding, Person, State
from jobs.runs.run import Event, Kind, Origin
from jobs.runs.run_store import RunStore


def test_only_what_happened_since_is_added(redis: Redis):
    """Applying only the new events gives the same run as loading it.

    Without new events nothing changes.
    """
    store = RunStore(redis)
    early = store.open(
        Channel("support@contoso.com"), Person("ann", "ann@contoso.com"), Origin("room")
    )
    for state in (State.WAITING, State.WRONG, State.OK):
        store.append(early.id, Event(Kind.FOUND, now(), step="ids", finding=Finding("ids", state)))
    late = store.refresh(early)
    assert (late, store.refresh(late), late.version, late.settled("ids")) == (
        store.load(early.id),
        late,
        4,
        True,
    )
