"""Tests of the counters in Redis, which many short processes share."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any, cast

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from jobs.storage import counters, keys
from jobs.storage.counters import CALLS, CARDS, COUNTERS, TAKEN_OVER, Counters
from jobs.storage.locks import LockKind, LockName, release_dead, renewed_lock


def away() -> Redis:
    """Return a stand-in for a Redis that does not answer."""

    def fail(**_: Any) -> None:
        raise RedisConnectionError

    return cast("Redis", SimpleNamespace(pipeline=fail))


def test_processes_add_up(redis: Redis):
    """Counts of two processes are added, and a second flush counts nothing twice."""
    for process in (Counters(), Counters()):
        process.add(CARDS, "posted")
        process.add(CARDS, "posted", by=2)
        process.flush(redis)
        process.flush(redis)
    assert counters.read(redis) == {"cards|posted": 6}


def test_a_flush_is_one_round_trip_and_none_without_counts(redis, monkeypatch):
    """A flush asks Redis once for all counts.

    A job that has counted nothing does not ask Redis at all.
    """
    asked: list[object] = []
    pipeline = redis.pipeline
    monkeypatch.setattr(redis, "pipeline", lambda **more: asked.append(more) or pipeline(**more))
    process = Counters()
    process.flush(redis)
    assert asked == []
    process.add(CARDS, "posted")
    process.add(CARDS, "edited")
    process.flush(redis)
    assert len(asked) == 1


def test_counts_outlast_a_redis_that_is_away(redis: Redis):
    """Counts that Redis could not take are kept, and are added when Redis is back."""
    process = Counters()
    process.add(CARDS, "posted")
    process.flush(away())
    process.add(CARDS, "posted")
    process.flush(redis)
    assert counters.read(redis) == {"cards|posted": 2}


def test_a_redis_that_stays_away_fills_no_memory(monkeypatch: pytest.MonkeyPatch, redis: Redis):
    """A process keeps only a limited number of different counters (``MOST_FIELDS``) in memory."""
    monkeypatch.setattr(counters, "MOST_FIELDS", 3)
    process = Counters()
    for number in range(9):
        process.add(CARDS, str(number))
    process.flush(redis)
    assert len(counters.read(redis)) == 3


def test_a_latency_is_in_the_first_bucket_that_holds_it(redis: Redis):
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


def test_a_fork_does_not_count_what_its_parent_counted(redis: Redis):
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


def test_a_label_cannot_make_up_another_counter(redis: Redis):
    """A separator within a label is replaced, so a label cannot name another counter."""
    process = Counters()
    process.add(CARDS, "a|b")
    process.flush(redis)
    assert counters.read(redis) == {"cards|a_b": 1}


def test_foreign_numbers_are_left_out(redis: Redis):
    """Values that another program wrote to the counters' hash are left out."""
    redis.hset(keys.figures(counters.ALL), mapping={"cards|posted": "many", "cards|edited": 1})
    assert counters.read(redis) == {"cards|edited": 1}


def taken_over(redis: Redis) -> int:
    """Return how many leases were taken over from lost processes."""
    COUNTERS.flush(redis)
    return counters.read(redis).get(f"{TAKEN_OVER.name}|run", 0)


def test_leases_that_are_taken_over(redis: Redis, redis_url: str):
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
