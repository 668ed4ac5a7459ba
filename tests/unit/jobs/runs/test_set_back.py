"""Older true states that somebody brings back: of a run, and of the audit trail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from redis import Redis

from jobs import advance
from jobs.clock import now
from jobs.model import Account, Channel, Person, Text
from jobs.next_action import next_action
from jobs.runs.audit import DOUBTED, LOST, SETTLES, Trail, read
from jobs.runs.run import Event, Kind, Origin
from jobs.runs.run_store import RunStore
from jobs.runtime import Runtime, install
from jobs.settings import Settings
from jobs.storage import keys
from tests.fixtures.queue_state import claimed

KEYS = ("a-key",)
LATER_S = SETTLES.total_seconds() + 1
PassTime = Callable[[float], None]


def test_a_run_that_was_set_back_is_stopped(
    runtime_of: Callable[[Settings], Runtime],
    work_settings: Settings,
    store: RunStore,
    asker: Person,
    channel: Channel,
):
    """An older state of a canceled run is ended at the next attempt, and its card is drawn."""
    heard: list[str] = []
    install(replace(runtime_of(work_settings), listener=heard.append))
    run = store.open(channel, asker, Origin("room-1", message="m-1"))
    account = Account("tenant-1", "oid-1", "admin@contoso.com")
    store.append(run.id, Event(Kind.DETAILS, now(), channel=channel))
    store.append(run.id, Event(Kind.SIGNED_IN, now(), account=account))
    copy = store.redis.dump(keys.run_events(run.id))
    store.end(store.load(run.id), Event(Kind.CANCELLED, now()))
    store.redis.restore(keys.run_events(run.id), 0, copy, replace=True)
    advance.advance(run.id)
    stopped = store.load(run.id)
    assert (stopped.ended, claimed(store.redis)) == (Kind.FAILED, ())
    assert next_action(stopped).words == Text("turn_words.run_set_back", {"event": "4"})
    assert set(heard) == {run.id}


def whats(redis: Redis) -> list[str]:
    """Return the names of the entries of the audit trail."""
    return [read(line)["what"] for line in redis.lrange(keys.audit_entries(), 0, -1)]


def copied(redis: Redis) -> Callable[[], None]:
    """Return a function that brings back the present state of the audit trail."""
    names = (keys.audit_entries(), keys.audit_head())
    kept = [(name, redis.dump(name)) for name in names]

    def bring_back() -> None:
        redis.delete(*names)
        for name, value in kept:
            if value:
                redis.restore(name, 0, value)

    return bring_back


@pytest.fixture
def trail(redis: Redis) -> Trail:
    """Return the audit trail of a process."""
    return Trail(redis, KEYS)


def filled(trail: Trail, pass_time: PassTime, *names: str) -> None:
    """Add entries that are seen again when they have settled."""
    trail.add(*({"what": name} for name in names))
    for _ in range(2):
        pass_time(LATER_S)
        trail.look()


LOOKS: dict[str, Callable[[Trail], object]] = {
    "add": lambda trail: trail.add({"what": "next"}),
    "look": Trail.look,
}


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("left", [0, 2])
def test_a_trail_that_was_set_back(
    trail: Trail, redis: Redis, pass_time: PassTime, look: str, left: int
):
    """An earlier true state of the trail, or none at all, is noticed at the next look.

    Everybody can see that, also a process that has seen nothing before, and it cannot be undone.
    """
    before = copied(redis)
    if left:
        filled(trail, pass_time, "one", "two")
        before = copied(redis)
    filled(trail, pass_time, "three")
    for _ in range(2):
        before()
        assert Trail(redis, KEYS).verify().broken_at == 0
        LOOKS[look](trail)
        assert whats(redis)[left] == DOUBTED
        told = read(redis.lindex(keys.audit_entries(), left) or b"")["data"]
        assert int(told["entry"]) > left
        assert Trail(redis, KEYS).verify().broken_at == left + 1


def test_a_trail_that_has_grown_since_it_was_set_back(
    trail: Trail, redis: Redis, pass_time: PassTime
):
    """Another process that goes on from the earlier state does not hide the loss."""
    filled(trail, pass_time, "one")
    before = copied(redis)
    filled(trail, pass_time, "two", "three")
    before()
    Trail(redis, KEYS).add(*({"what": "later"} for _ in range(5)))
    trail.look()
    assert trail.verify().broken_at == 7
    assert whats(redis)[-1] == DOUBTED


def test_what_redis_loses_by_itself(trail: Trail, redis: Redis, pass_time: PassTime):
    """The newest entries may be lost in a failover: an entry says so, and the rest is believed."""
    filled(trail, pass_time, "one")
    before = copied(redis)
    trail.add({"what": "two"})
    before()
    trail.add({"what": "three"})
    assert whats(redis) == ["one", LOST, "three"]
    assert trail.verify().broken_at == 0
    before()  # the entry about the loss cannot be lost in the same way
    trail.look()
    assert whats(redis) == ["one", DOUBTED]


def test_one_process_tells_it_for_all(trail: Trail, redis: Redis, pass_time: PassTime):
    """A process that looks after another one has noticed the loss adds nothing.

    So what was written after that stays believed.
    """
    other = Trail(redis, KEYS)
    for each in (trail, other):
        filled(each, pass_time, "one")
    trail.look()
    redis.delete(keys.audit_entries(), keys.audit_head())
    trail.add({"what": "approved"})
    for _ in range(2):
        other.add({"what": "changing"})
        pass_time(LATER_S)
    assert whats(redis) == [DOUBTED, "approved", "changing", "changing"]


def test_an_intact_trail_is_not_doubted(trail: Trail, redis: Redis, pass_time: PassTime):
    """Entries of other processes, and removals by retention, are no loss."""
    other = Trail(redis, KEYS)
    for _ in range(4):
        for each in (trail, other):
            each.add({"at": now().isoformat(), "what": "said"})
            pass_time(LATER_S / 2)
            each.look()
    assert other.clear(now()) == 8
    for each in (trail, other):
        each.look()
        each.add({"what": "later"})
    assert whats(redis) == ["cleared", "later", "later"]
