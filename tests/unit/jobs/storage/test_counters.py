"""Counters and gauges in Redis, which many short processes share."""

from __future__ import annotations

import os
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from jobs.storage import counters, keys
from jobs.storage.counters import (
    CALLS,
    CARDS,
    COUNTERS,
    TAKEN_OVER,
    Counters,
    Gauge,
    measure,
    measured,
    measured_s_ago,
)
from jobs.storage.locks import LockKind, LockName, release_dead, renewed_lock

GAUGE = Gauge("weather", "Weather.", ("place", "kind"), timedelta(minutes=1))


def away() -> Redis:
    """A Redis that does not answer."""

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


def test_a_flush_is_one_round_trip_and_none_without_counts(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
):
    """A job that has counted nothing costs Redis nothing."""
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
    """They are added when it is back."""
    process = Counters()
    process.add(CARDS, "posted")
    process.flush(away())
    process.add(CARDS, "posted")
    process.flush(redis)
    assert counters.read(redis) == {"cards|posted": 2}


def test_a_redis_that_stays_away_fills_no_memory(monkeypatch: pytest.MonkeyPatch, redis: Redis):
    """No more than so many different counters are kept."""
    monkeypatch.setattr(counters, "MOST_FIELDS", 3)
    process = Counters()
    for number in range(9):
        process.add(CARDS, str(number))
    process.flush(redis)
    assert len(counters.read(redis)) == 3


def test_a_latency_is_in_the_first_bucket_that_holds_it(redis: Redis):
    """A bound belongs to its bucket. The sum is in milliseconds."""
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
    """The process of a job begins at nothing."""
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
    """The separator is replaced."""
    process = Counters()
    process.add(CARDS, "a|b")
    process.flush(redis)
    assert counters.read(redis) == {"cards|a_b": 1}


def test_a_gauge_is_replaced_as_a_whole_and_expires(redis: Redis):
    """A number that is not measured any more is gone; one that nobody measures is, too."""
    assert (measured(redis, GAUGE), measured_s_ago(redis, GAUGE)) == ({}, None)
    measure(redis, GAUGE, {("here", "rain"): 2.0, ("there", "sun"): 1.5})
    measure(redis, GAUGE, {("here", "rain"): 1.0})
    age_s = measured_s_ago(redis, GAUGE)
    assert measured(redis, GAUGE) == {("here", "rain"): 1.0}
    assert age_s is not None
    assert 0 <= age_s < 60
    assert 0 < redis.ttl(keys.figures("weather")) <= 60


def test_foreign_numbers_are_left_out(redis: Redis):
    """Of a hash that somebody else wrote to, only what fits is read."""
    redis.hset(keys.figures("weather"), mapping={"here|rain": "much", "here": 1, "a|b": 2})
    redis.hset(keys.figures(counters.ALL), mapping={"cards|posted": "many", "cards|edited": 1})
    assert measured(redis, GAUGE) == {("a", "b"): 2.0}
    assert counters.read(redis) == {"cards|edited": 1}


def taken_over(redis: Redis) -> int:
    """Return the number of leases taken over."""
    COUNTERS.flush(redis)
    return counters.read(redis).get(f"{TAKEN_OVER.name}|run", 0)


def test_leases_that_are_taken_over(redis: Redis, redis_url: str):
    """A lease that its holder gave back is none; one of a killed process or of a lost host is."""
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
