"""A run that is read on from where it was is the same as one that is read from the start."""

from __future__ import annotations

from redis import Redis

from jobs.clock import now
from jobs.model import Channel, Finding, Person, State
from jobs.runs.origin import Origin
from jobs.runs.run import Event, Kind
from jobs.runs.run_store import RunStore


def test_only_what_happened_since_is_added(redis: Redis):
    """Three events later both ways lead to the same run; with nothing new nothing changes."""
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
