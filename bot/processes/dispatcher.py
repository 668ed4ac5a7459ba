"""Dispatch of everything that is due: runs, cards, events and the work of killed processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bot.services import Services
from jobs.clock import now
from jobs.storage import locks
from jobs.storage.locks import LockKind, LockName


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Dispatcher that wakes the workers.

    One dispatcher on each machine is enough; more do no harm.
    """

    services: Services

    def dispatch_due(self) -> None:
        """Wake workers for everything that is due; called every half second."""
        services = self.services
        for lock in locks.release_dead(services.redis):
            self._retry(lock)
        _hand_out(services.schedule.claim_due(), services.runs.ring)
        _hand_out(services.cards.claim_due(), services.cards.request)
        _hand_out(services.events.claim_due(), services.events.ring)
        _hand_out(services.watching.channels.claim_due(), services.rounds.ring)

    def _retry(self, lock: LockName) -> None:
        """Have the work of a killed process done again.

        Locks of other kinds belong to work that is retried on its own.
        """
        if lock.kind is LockKind.RUN:
            self.services.schedule.add(lock.owner, now())
        elif lock.kind is LockKind.DRAW:
            self.services.cards.retry(lock.owner)
        elif lock.kind is LockKind.EVENT:
            self.services.events.retry(lock.owner)
        elif lock.kind is LockKind.WATCH:
            self.services.watching.channels.schedule(lock.owner, now())


def _hand_out(due: Iterable[str], wake: Callable[[str], object]) -> None:
    """Wake a worker for each id that is due."""
    for each in due:
        wake(each)
