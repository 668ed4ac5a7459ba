"""Everything of the watch that is kept in Redis, put together for one process."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from jobs.runs.run_store import RunStore
from jobs.watch.incident_store import IncidentStore
from jobs.watch.model import Incident
from jobs.watch.watch_store import WatchStore


@dataclass(frozen=True, slots=True)
class Watching:
    """Watched channels and their incidents.

    Every method raises redis.RedisError if Redis is unreachable.
    """

    channels: WatchStore
    incidents: IncidentStore

    @classmethod
    def of(cls, store: RunStore, operator_room: str = "") -> Watching:
        """Return the stores; ``operator_room`` is the setting WATCH_SPACE, or empty."""
        return cls(
            WatchStore(store.redis, store.authenticator),
            IncidentStore(store.redis, store.authenticator, operator_room),
        )

    def end(self, mailbox: str, at: datetime) -> tuple[bool, Incident | None]:
        """End the watch; return whether it was on, and its incident if open."""
        watched = self.channels.remove(mailbox)
        return watched, self.incidents.end_watch(mailbox, at)
