"""Queue of the draws that were requested.

Every run with an update is drawn, no matter how often it is requested and which process dies.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from redis import Redis

from bot.queue import CARDS, DRAW, Doorbell, make_queue
from jobs.clock import now
from jobs.runs.schedule import LEASE_S
from jobs.storage import keys
from jobs.storage.due_list import DueList

QUEUED_S = 4
"""Seconds for which a draw counts as queued. A second draw does no harm."""


class CardQueue:
    """Queue of the runs whose cards are to be drawn (:class:`jobs.runtime.Listener`)."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._due = DueList(redis, keys.cards_due(), LEASE_S + 1)
        self.bell = Doorbell(make_queue(redis, CARDS), DRAW)

    def request(self, run_id: str) -> None:
        """Have the run's cards drawn; a draw that is already queued will see this change too.

        A further draw is scheduled a little later, in case this one is lost with its worker or with
        Redis. A draw that ends cancels it.
        """
        self.schedule(run_id, now() + timedelta(seconds=QUEUED_S + 1))
        if self._redis.set(keys.draw_queued(run_id), "1", nx=True, ex=QUEUED_S):
            self.bell.ring(run_id)

    run_changed = request

    def begin(self, run_id: str) -> float:
        """Mark a queued draw as begun; return when the run's cards are due, as :meth:`due` does."""
        self._redis.delete(keys.draw_queued(run_id))
        return self.due(run_id)

    def schedule(self, run_id: str, when: datetime) -> None:
        """Have the run's cards drawn at the given time."""
        self._due.schedule(run_id, when)

    def retry(self, run_id: str) -> None:
        """Clear the queued marker and schedule a new draw, because a draw of the run was killed.

        The marker may belong to another draw that was killed as it began.
        """
        self._redis.delete(keys.draw_queued(run_id))
        self.schedule(run_id, now())

    def due(self, run_id: str) -> float:
        """Return when the run's cards are due, as a number that differs after the next change."""
        return self._due.due(run_id)

    def settle(self, run_id: str, due: float) -> None:
        """Record that the cards are up to date, unless something has changed since ``due``."""
        self._due.settle(run_id, due)

    def claim_due(self) -> tuple[str, ...]:
        """Return the runs whose cards are due; each is due again later unless its draw settles it.

        Those whose jobs are still in the queue are left out, as far as their number shows that.
        """
        claimed = self._due.claim()
        return claimed[: self.bell.missing(self._due)] if claimed else ()
