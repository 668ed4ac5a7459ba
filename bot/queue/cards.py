"""Queue of the draws that were requested.

Every run with an update is drawn, no matter how often it is requested and which process dies.
"""

from __future__ import annotations

from datetime import timedelta

from redis import Redis

from bot.queue import Doorbell
from jobs.clock import now
from jobs.storage import keys
from jobs.storage.due_queue import DueQueue
from jobs.storage.locks import LockKind

QUEUED_S = 4
"""Seconds for which a draw counts as queued. A second draw does no harm."""


class CardQueue:
    """Queue of the runs whose cards are to be drawn (:class:`jobs.runtime.Listener`).

    ``schedule`` has the time at which each is drawn. That time differs after each change.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self.schedule = DueQueue(redis, LockKind.DRAW)
        self.bell = Doorbell.of(redis, LockKind.DRAW)

    def request(self, run_id: str) -> None:
        """Have the run's cards drawn; a draw that is already queued will see this change too.

        A further draw is scheduled a little later, in case this one is lost with its worker or with
        Redis. A draw that ends cancels it.
        """
        self.schedule.add(run_id, now() + timedelta(seconds=QUEUED_S + 1))
        if self._redis.set(keys.draw_queued(run_id), "1", nx=True, ex=QUEUED_S):
            self.bell.ring(run_id)

    run_changed = request

    def begin(self, run_id: str) -> float:
        """Mark a queued draw as begun; return when the run's cards are due."""
        self._redis.delete(keys.draw_queued(run_id))
        return self.schedule.due(run_id)
