"""The dispatcher: due runs, draws and events get jobs, and so does the work of killed processes."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from bot.processes.dispatcher import Dispatcher
from bot.queue import Doorbell
from bot.queue.events import WebhookEvent
from bot.services import Services
from jobs.clock import now
from jobs.storage import keys, watch_keys
from jobs.storage.locks import LockKind, LockName, renewed_lock

EVENT = WebhookEvent("messages", "m1")


def rung(*bells: Doorbell) -> list[list[str]]:
    """Return the first argument of the jobs that each doorbell queued."""
    return [[str(job.args[0]) for job in bell.queue.get_jobs()] for bell in bells]


def bells(services: Services) -> tuple[Doorbell, ...]:
    """Return the doorbells of runs, draws, events and the rounds of the watch."""
    return (services.runs, services.cards.bell, services.events.bell, services.rounds)


def test_everything_that_is_due_is_handed_out_once(services: Services):
    """Everything due is queued once; work that is not due yet stays."""
    for wait, name in ((0, "NOW222"), (60, "LATER2")):
        services.schedule.add(name, now() + timedelta(seconds=wait))
        services.cards.schedule(name, now() + timedelta(seconds=wait))
    services.events.add(EVENT)
    services.events.bell.queue.empty()
    services.redis.zadd(keys.events_due(), {EVENT.key: now().timestamp()})
    services.watching.channels.schedule("tenant-1", now())
    services.watching.channels.schedule("tenant-2", now() + timedelta(seconds=60))
    for _ in range(2):
        Dispatcher(services).dispatch_due()
    assert rung(*bells(services)) == [["NOW222"], ["NOW222"], [EVENT.key], ["tenant-1"]]


@pytest.mark.parametrize(
    ("lock", "handed"),
    [
        (LockName(LockKind.RUN, "R1"), [["R1"], [], [], []]),
        (LockName(LockKind.DRAW, "R1"), [[], ["R1"], [], []]),
        (LockName(LockKind.EVENT, EVENT.key), [[], [], [EVENT.key], []]),
        (LockName(LockKind.WATCH, "tenant-1"), [[], [], [], ["tenant-1"]]),
        (LockName(LockKind.WEBHOOKS), [[], [], [], []]),
    ],
)
def test_a_killed_processs_work_is_handed_out_at_once(
    services: Services, lock: LockName, handed: list[list[str]]
):
    """A killed process's work is found by its lock and queued at once.

    Work that is retried without the dispatcher is left alone.
    """
    services.events.add(EVENT)
    services.events.bell.queue.empty()
    with renewed_lock(services.redis, lock, 60):
        place, pid, _, rest = (services.redis.get(lock.key) or b"").decode().split("/")
    dead = f"{place}/{pid}/1/{rest}"
    services.redis.set(lock.key, dead)
    services.redis.hset(keys.locks_held(), lock.field, dead)
    Dispatcher(services).dispatch_due()
    assert (rung(*bells(services)), services.redis.exists(lock.key)) == (handed, 0)


def test_what_nobody_can_read_is_dropped_and_named_once(services: Services):
    """A strange lock, member or event is dropped and named once, and the rest is handed out."""
    redis, due = services.redis, now()
    lists = (keys.runs_due(), keys.cards_due(), keys.events_due(), watch_keys.watch_due())
    redis.hset(keys.locks_held(), "run:NOBODY", "garbage")
    redis.hset(keys.locks_held(), b"\xff", "a/b/c/d")
    for each in lists:
        redis.zadd(each, {b"\xff\xfe": 0})
    redis.set(keys.event("odd"), "no JSON")
    redis.zadd(keys.events_due(), {"odd": 0})
    services.schedule.add("NOW222", due)
    services.cards.schedule("NOW222", due)
    services.watching.channels.schedule("tenant-1", due)
    with capture_logs() as logged:
        for _ in range(2):
            Dispatcher(services).dispatch_due()
            services.events.process("odd", lambda _: None)
    assert rung(*bells(services)) == [["NOW222"], ["NOW222"], ["odd"], ["tenant-1"]]
    dropped = Counter(each["event"] for each in logged)
    assert dropped["an unreadable entry is dropped"] == 2 + len(lists)
    assert dropped["an unreadable event is dropped"] == 1
    assert (redis.exists(keys.locks_held()), redis.zcard(keys.events_due())) == (0, 0)


@pytest.mark.parametrize("broken", [keys.locks_held(), keys.runs_due(), keys.cards_due()])
def test_one_kind_that_fails_does_not_hold_up_the_others(services: Services, broken: str):
    """If one kind cannot be read, the others are handed out, and the round is not whole."""
    services.schedule.add("NOW222", now())
    services.watching.channels.schedule("tenant-1", now())
    services.redis.delete(broken)
    services.redis.set(broken, "another type")
    with pytest.raises(ExceptionGroup, match="not handed out"):
        Dispatcher(services).dispatch_due()
    runs = [] if broken == keys.runs_due() else ["NOW222"]
    assert rung(services.runs, services.rounds) == [runs, ["tenant-1"]]


def make_due(services: Services) -> None:
    """Make every event and every draw due, and remove the mark of a queued draw."""
    for key in (keys.events_due(), keys.cards_due()):
        for member in services.redis.zrange(key, 0, -1):
            services.redis.zadd(key, {member: now().timestamp()})
            services.redis.delete(keys.draw_queued(member.decode()))


def test_a_backlog_does_not_grow_by_itself(services: Services):
    """A busy worker gets no further job for the waiting events, and lost jobs are replaced."""
    names = [f"RUN{number:03}" for number in range(30)]
    for name in names:
        services.events.add(WebhookEvent("messages", name))
        services.cards.request(name)
    keys_of_events = [WebhookEvent("messages", name).key for name in names]
    backlog = [[], names, keys_of_events, []]
    for _ in range(5):
        make_due(services)
        Dispatcher(services).dispatch_due()
    assert rung(*bells(services)) == backlog
    services.cards.bell.queue.empty()
    services.events.bell.queue.empty()
    make_due(services)
    Dispatcher(services).dispatch_due()
    assert [sorted(each) for each in rung(*bells(services))] == [sorted(each) for each in backlog]
