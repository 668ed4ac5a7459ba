"""Everything of the watch that is kept in Redis, put together for one process."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from jobs.clock import parse
from jobs.model import RunKind
from jobs.runs.run import Run, undid
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

    def finish(self, run: Run, at: datetime) -> tuple[str, ...]:
        """Record what the end of a run says, and return the cards of incidents that it changes.

        The proof of a setup or fix is a look, which ends the incident. A channel that is
        disconnected is not watched any more.
        """
        mailbox, incident = run.channel.mailbox, None
        if run.kind is RunKind.UNDO:
            incident = self.end(mailbox, at)[1] if undid(run) else None
        elif run.kind in {RunKind.SETUP, RunKind.FIX}:
            incident = self.incidents.prove(mailbox, run.id, parse(run.fact("answered_at")) or at)
        return incident.cards if incident else ()

    def end(self, mailbox: str, at: datetime) -> tuple[bool, Incident | None]:
        """End the watch; return whether it was on, and its incident if open."""
        watched = self.channels.remove(mailbox)
        return watched, self.incidents.end_watch(mailbox, at)
