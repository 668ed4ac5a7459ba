"""Tests of the counters in Redis, which many short processes share."""

import os

from redis import Redis

from jobs.storage import counters, keys
from jobs.storage.counters import CALLS, CARDS, COUNTERS, TAKEN_OVER, Counters
from jobs.storage.locks import LockKind, LockName, release_dead, renewed_lock


def test_processes_add_up(redis, monkeypatch):
    """Counts of two processes are added, and a second flush counts nothing twice.

    Counts that Redis could not take are added when it is back. A separator within a label is
    replaced, so a label cannot name another counter. Values of another program are left out.
    """
    redis.hset(keys.figures(counters.ALL), "cards|edited", "many")
    for process in (Counters(), Counters()):
        process.add(CARDS, "posted")
        with monkeypatch.context() as away:
            away.setattr(redis, "pipeline", Redis(port=1, retry=None).pipeline)
            process.flush(redis)
        process.add(CARDS, "posted", by=2)
        process.add(CARDS, "a|b")
        process.flush(redis)
        process.flush(redis)
    assert counters.read(redis) == {"cards|posted": 6, "cards|a_b": 2}


def test_a_latency_is_in_the_first_bucket_that_holds_it(redis):
    """A latency counts in the first bucket whose bound is not smaller.

    A latency that equals a bound belongs to that bucket. The sum of the latencies is kept in
    milliseconds.
    """
    process = Counters()
    for seconds in (0.02, 0.05, 0.3, 200):
        process.time(CALLS, "graph", "ok", seconds=seconds)
    process.flush(redis)
    assert counters.read(redis) == {
        "call_seconds|graph|ok|0.05": 2,
        "call_seconds|graph|ok|0.5": 1,
        "call_seconds|graph|ok|over": 1,
        "call_seconds|graph|ok|ms": 200_370,
    }


def test_a_fork_does_not_count_what_its_parent_counted(redis):
    """A forked process begins without counts, because its parent adds its own counts to Redis."""
    COUNTERS.reset()
    COUNTERS.add(CARDS, "posted")
    child = os.fork()
    if child == 0:
        COUNTERS.flush(redis)
        os._exit(0)
    os.waitpid(child, 0)
    assert counters.read(redis) == {}
    COUNTERS.flush(redis)
    assert counters.read(redis) == {"cards|posted": 1}


def taken_over(redis: Redis) -> int:
    """Return how many leases were taken over from lost processes."""
    COUNTERS.flush(redis)
    return counters.read(redis).get(f"{TAKEN_OVER.name}|run", 0)


def test_leases_that_are_taken_over(redis, redis_url):
    """A lease counts as taken over if its process was killed or its host was lost.

    A lease that its holder gave back does not count.
    """
    COUNTERS.reset()
    lock = LockName(LockKind.RUN, "R1")
    for _ in range(2):
        with renewed_lock(redis, lock, 5) as held:
            assert held is not None
    assert taken_over(redis) == 0
    child = os.fork()
    if child == 0:
        with renewed_lock(Redis.from_url(redis_url), lock, 5):
            os._exit(0)
    os.waitpid(child, 0)
    assert release_dead(redis) == (lock,)
    assert taken_over(redis) == 1
    redis.hset(keys.locks_held(), lock.field, "another host/1/1/x.1")  # its lease has expired
    with renewed_lock(redis, lock, 5) as held:
        assert held is not None
    assert taken_over(redis) == 2
