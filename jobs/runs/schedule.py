"""When runs are due: a list by time from which each due run is handed out, and stays on until somebody has done it."""

from __future__ import annotations

from datetime import datetime, timedelta

from redis import Redis
from redis.client import Pipeline

from jobs.clock import now
from jobs.storage.keys import Key

LEASE_S = 12
"""How long a worker has a run without renewing, in seconds."""
LONGEST_PAUSE_S = 3600
"""The longest time for which anything is put off, in seconds."""


class Schedule:
    """Runs and the time at which each is due, in one sorted set."""

    def __init__(self, redis: Redis, key: Key) -> None:
        self._redis = redis
        self._key = key

    def add(self, run_id: str, when: datetime) -> None:
        """Have the run handed out at that time, and not at another."""
        self._redis.zadd(self._key, {run_id: when.timestamp()})

    def remove(self, run_id: str) -> None:
        """Have the run not handed out by itself."""
        self._redis.zrem(self._key, run_id)

    def postpone(self, run_id: str) -> None:
        """Have the run handed out once the lease of the worker that has it now has run out."""
        self._redis.zadd(self._key, {run_id: _after_lease()})

    def due_at(self, run_id: str) -> float:
        """Return the time at which the run is due, in seconds since 1970; 0 for a run that is not on the list."""
        return float(self._redis.zscore(self._key, run_id) or 0)

    def claim_due(self, most: int = 100) -> tuple[str, ...]:
        """Return runs whose time has come. Each stays on the list, for a little later: who takes it may die before it is done.

        A time beyond the longest pause was written before the clock was set back: it has come, too.
        """
        moment = now().timestamp()
        spans = ((0, moment), (moment + LONGEST_PAUSE_S + 1, "+inf"))
        ready = [run_id for low, high in spans for run_id in self._redis.zrangebyscore(self._key, low, high, start=0, num=most)]
        if ready:
            self._redis.zadd(self._key, {_text(run_id): _after_lease() for run_id in ready}, xx=True)
        return tuple(map(_text, ready))

    def ensure(self, pipe: Pipeline, run_id: str) -> None:
        """Add to a transaction: the run is due after a lease, or earlier if it was due earlier."""
        pipe.zadd(self._key, {run_id: _after_lease()}, lt=True)

    def end(self, pipe: Pipeline, run_id: str) -> None:
        """Add to a transaction: the run is not due any more."""
        pipe.zrem(self._key, run_id)


def _after_lease() -> float:
    """When a run is due whose worker has not been heard of again: once its lease has run out."""
    return (now() + timedelta(seconds=LEASE_S + 1)).timestamp()


def _text(raw: object) -> str:
    return raw.decode() if isinstance(raw, bytes) else str(raw)
