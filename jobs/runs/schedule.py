"""Schedule of runs: each goes to a worker when due, and again after a lease until it is done."""

from __future__ import annotations

from datetime import datetime, timedelta

from redis import Redis
from redis.client import Pipeline

from jobs.clock import now
from jobs.storage import keys
from jobs.storage.due_list import DueList

LEASE_S = 12
"""Seconds that a worker keeps a run without renewing the lease."""


class Schedule:
    """Runs, and the time at which each is due."""

    def __init__(self, redis: Redis) -> None:
        self._due = DueList(redis, keys.runs_due(), LEASE_S + 1)

    def add(self, run_id: str, when: datetime) -> None:
        """Schedule the run to be advanced at that time, by any available worker."""
        self._due.schedule(run_id, when)

    def remove(self, run_id: str) -> None:
        """Remove the run from the schedule, so that it is not advanced by itself."""
        self._due.remove(run_id)

    def postpone(self, run_id: str) -> None:
        """Schedule the run to be advanced once the lease of its present worker has run out."""
        self._due.schedule(run_id, _after_lease())

    def claim_due(self) -> tuple[str, ...]:
        """Return the runs that are due.

        Each stays on the list with a lease, because the worker that takes it may die before it is
        done.
        """
        return self._due.claim()

    def ensure(self, pipe: Pipeline, run_id: str) -> None:
        """Add to a transaction that the run is due after a lease, or earlier if it was before."""
        pipe.zadd(self._due.key, {run_id: _after_lease().timestamp()}, lt=True)

    def end(self, pipe: Pipeline, run_id: str) -> None:
        """Add to a transaction that the run is not due any more."""
        pipe.zrem(self._due.key, run_id)


def _after_lease() -> datetime:
    """Return when a run becomes due if its worker is not heard of again."""
    return now() + timedelta(seconds=LEASE_S + 1)
