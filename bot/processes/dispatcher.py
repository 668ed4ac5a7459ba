"""Dispatch of everything that is due: runs, cards, events and the work of killed processes."""

from __future__ import annotations

from dataclasses import dataclass

from bot.queue import Doorbell
from bot.services import Services
from jobs.clock import now
from jobs.storage import due_queue, locks
from jobs.storage.due_queue import KINDS, DueQueue
from jobs.storage.locks import LockKind

PAUSE_S = 1.0
"""Longest time between two rounds, in seconds. Work that is due at once is not left to a round."""


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Dispatcher that wakes the workers.

    One dispatcher on each machine is enough; more do no harm.
    """

    services: Services

    def dispatch_due(self) -> float:
        """Wake workers for everything that is due; return the seconds until the next round."""
        redis = self.services.redis
        claimed, more_s = due_queue.claim(redis)
        for kind in {name.kind for name in claimed}:
            members = [name.owner for name in claimed if name.kind is kind]
            Doorbell.of(redis, kind).ring_again(members)
        return PAUSE_S if more_s is None else min(more_s, PAUSE_S)

    def recover(self) -> None:
        """Have the work of killed processes done again, and at once.

        Locks of other kinds belong to work that is retried on its own.
        """
        redis = self.services.redis
        freed = [name for name in locks.release_dead(redis) if name.kind in KINDS]
        for lock in freed:
            if lock.kind is LockKind.EVENT:
                self.services.events.retry(lock.owner)
            else:
                DueQueue(redis, lock.kind).add(lock.owner, now())
        if freed:
            self.dispatch_due()
