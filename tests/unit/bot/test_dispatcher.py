"""The dispatcher: due runs, draws and events get jobs, and so does the work of killed processes."""

from collections import Counter
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from bot.processes.worker import PAUSE_S, dispatch_due, recover
from bot.queue import Doorbell, WebhookEvent
from jobs.clock import now
from jobs.storage import keys
from jobs.storage.locks import LockKind, LockName, renewed_lock

EVENT = WebhookEvent("messages", "m1")


def rung(*bells: Doorbell) -> list[list[str]]:
    """Return the first argument of the jobs that each doorbell queued."""
    return [[str(job.args[0]) for job in bell.queue.get_jobs()] for bell in bells]


def bells(services) -> tuple[Doorbell, ...]:
    """Return the doorbells of runs, draws, events and the rounds of the watch."""
    kinds = (LockKind.RUN, LockKind.DRAW, LockKind.EVENT, LockKind.WATCH)
    return tuple(Doorbell(services.redis, kind) for kind in kinds)


def test_everything_that_is_due_is_handed_out_once(services):
    """Everything due is queued once; work that is not due yet stays."""
    for wait, name in ((0, "NOW222"), (60, "LATER2")):
        services.store.schedule.add(name, now() + timedelta(seconds=wait))
        services.cards.add(name, now() + timedelta(seconds=wait))
    services.events.add(EVENT)
    services.events.bell.queue.empty()
    services.redis.zadd(keys.due(), {f"event:{EVENT.key}": now().timestamp()})
    services.watching.schedule.add("tenant-1", now())
    services.watching.schedule.add("tenant-2", now() + timedelta(seconds=60))
    for _ in range(2):
        dispatch_due(services.redis)
    assert rung(*bells(services)) == [["NOW222"], ["NOW222"], [EVENT.key], ["tenant-1"]]


@pytest.mark.parametrize(
    ("lock", "handed"),
    [
        (LockName(LockKind.RUN, "R1"), [["R1"], [], [], []]),
        (LockName(LockKind.EVENT, EVENT.key), [[], [], [EVENT.key], []]),
        (LockName(LockKind.WEBHOOKS), [[], [], [], []]),
    ],
)
def test_a_killed_processs_work_is_handed_out_at_once(services, lock, handed):
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
    recover(services)
    assert (rung(*bells(services)), services.redis.exists(lock.key)) == (handed, 0)


def test_what_nobody_can_read_is_dropped_and_named_once(services):
    """A strange lock, member or event is dropped and named once, and the rest is handed out."""
    redis, due = services.redis, now()
    strange = (b"\xff\xfe", b"run:\xff", "press:R1", "another:R1")
    redis.hset(keys.locks_held(), "run:NOBODY", "garbage")
    redis.hset(keys.locks_held(), b"\xff", "a/b/c/d")
    redis.zadd(keys.due(), dict.fromkeys(strange, 0))
    redis.set(keys.event("odd"), "no JSON")
    redis.zadd(keys.due(), {"event:odd": 0})
    services.store.schedule.add("NOW222", due)
    services.cards.add("NOW222", due)
    services.watching.schedule.add("tenant-1", due)
    with capture_logs() as logged:
        for _ in range(2):
            dispatch_due(services.redis)
            recover(services)
            services.events.process("odd", lambda _: None)
    assert rung(*bells(services)) == [["NOW222"], ["NOW222"], ["odd"], ["tenant-1"]]
    dropped = Counter(each["event"] for each in logged)
    assert dropped["an unreadable entry is dropped"] == 2 + len(strange)
    assert dropped["an unreadable event is dropped"] == 1
    assert (redis.exists(keys.locks_held()), redis.zcard(keys.due())) == (0, 3)


def test_the_next_round_is_when_more_is_due(services):
    """A round ends with the time until the next one: a second, or less if more is due before."""
    assert dispatch_due(services.redis) == PAUSE_S
    for wait, name in ((60, "LATER2"), (0.4, "SOON22")):
        services.store.schedule.add(name, now() + timedelta(seconds=wait))
        left = dispatch_due(services.redis)
    assert 0 < left <= 0.4


def test_two_dispatchers_share_what_is_due(services, monkeypatch):
    """Work that two dispatchers read in the same moment is handed out by one of them."""
    services.store.schedule.add("NOW222", now())
    read = services.redis.zrange

    def read_at_the_same_time(*arguments: object, **options: object) -> object:
        rows = read(*arguments, **options)
        monkeypatch.undo()
        dispatch_due(services.redis)
        return rows

    monkeypatch.setattr(services.redis, "zrange", read_at_the_same_time)
    dispatch_due(services.redis)
    assert rung(services.runs) == [["NOW222"]]


def make_due(services) -> None:
    """Make every event and every draw due, and remove the mark of a queued draw."""
    for member in services.redis.zrange(keys.due(), 0, -1):
        services.redis.zadd(keys.due(), {member: now().timestamp()})
    for run_id in services.cards.all():
        services.redis.delete(keys.draw_queued(run_id))


def test_a_backlog_does_not_grow_by_itself(services):
    """A busy worker gets no further job for the waiting events, and lost jobs are replaced."""
    names = [f"RUN{number:03}" for number in range(30)]
    for name in names:
        services.events.add(WebhookEvent("messages", name))
        services.cards.request(name)
    backlog = [[], names, [WebhookEvent("messages", name).key for name in names], []]
    for _ in range(5):
        make_due(services)
        dispatch_due(services.redis)
    assert rung(*bells(services)) == backlog
    services.cards.queue.empty()
    services.events.bell.queue.empty()
    make_due(services)
    dispatch_due(services.redis)
    assert [sorted(each) for each in rung(*bells(services))] == [sorted(each) for each in backlog]
