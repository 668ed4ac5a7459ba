"""Hands out everything that is due: runs whose time has come, cards and events that waited, and the work of killed processes."""

from __future__ import annotations

from dataclasses import dataclass

from bot.services import Services
from jobs.clock import now
from jobs.storage import keys, locks


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Wakes the workers. One a machine is enough; more do no harm."""

    services: Services

    def dispatch_due(self) -> None:
        """Look at every due list once. Called every half second."""
        services = self.services
        for name in locks.release_dead(services.redis):
            self._retry(*keys.lock_owner(name))
        for run_id in services.store.claim_due():
            services.runs.ring(run_id)
        for run_id in services.cards.claim_due():
            services.cards.request(run_id)
        for event_id in services.events.claim_due():
            services.events.ring(event_id)

    def _retry(self, kind: str, member: str) -> None:
        """Have a killed process's work done again; locks of other kinds belong to what is tried again by itself."""
        if kind == "run":
            self.services.store.schedule(member, now())
        elif kind == "draw":
            self.services.cards.retry(member)
        elif kind == "event":
            self.services.events.retry(member)
