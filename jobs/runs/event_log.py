"""Lines of a run's history in Redis, each of which is an event with a MAC.

The MAC also covers the run and the MAC before it. So an event counts only in its run and at its
place. An event that was made, changed, moved, copied or repeated by another client is found, and so
is a missing event that is not the last (:mod:`jobs.storage.mac`). A history that is cut off at its
end is an older state of the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from redis import Redis
from redis.client import Pipeline

from jobs.model import Text
from jobs.runs.run import Event, Kind, Problem, Run
from jobs.storage import codec, keys
from jobs.storage.mac import Authenticator, mac_of

FOREIGN_EVENT = "foreign_event"
"""Cause of the problem that a run has an event which this bot did not make."""
NOT_AUDITED = "approval_not_audited"
"""Cause of the problem that a run has an approval without an entry in the audit trail."""
UNTRUSTED = frozenset({FOREIGN_EVENT, NOT_AUDITED})


@dataclass(frozen=True, slots=True)
class Reading:
    """Events that were read from a run's history, up to the first that this bot did not make.

    ``mac`` is the MAC of the last event. ``foreign`` says that a line that this bot did not make
    follows that event.
    """

    events: tuple[Event, ...]
    mac: str
    foreign: bool

    def apply_to(self, run: Run) -> Run:
        """Return ``run``, to which the events were applied before, with the MAC of its last event.

        A foreign event stops the run: it counts as failed, unless it had ended before.
        """
        run = replace(run, mac=self.mac)
        if not self.foreign:
            return run
        at = self.events[-1].at if self.events else run.ended_at or run.opened
        problem = Problem(FOREIGN_EVENT, str(run.version + 1), at)
        run = replace(run, problems={**run.problems, "run": problem}, running=frozenset())
        return run if run.ended else replace(run, ended=Kind.FAILED, ended_at=at)


class EventLog:
    """Writer and reader of the lines of run histories."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    def lines(self, run_id: str, events: Iterable[Event], previous: str = "") -> list[bytes]:
        """Return the lines for events that follow the event with the MAC ``previous``.

        ``previous`` is empty for the first event of a run.
        """
        return self.chained(run_id, map(codec.dump, events), previous)

    def chained(self, run_id: str, bodies: Iterable[bytes], previous: str = "") -> list[bytes]:
        """Return the lines for events that are JSON already; see :meth:`lines`."""
        lines = []
        for body in bodies:
            lines.append(self._authenticator.protect(_context(run_id, previous), body))
            previous = mac_of(lines[-1])
        return lines

    def read(self, run_id: str, lines: Sequence[bytes], previous: str = "") -> Reading:
        """Return the events that follow the event with the MAC ``previous``."""
        events = []
        for line in lines:
            if self._authenticator.verify(_context(run_id, previous), line) is None:
                break
            events.append(codec.load(line, Event))
            previous = mac_of(line)
        return Reading(tuple(events), previous, len(events) < len(lines))

    def last(self, run_id: str, lines: Sequence[bytes]) -> Event | None:
        """Return the event of the last of one or two lines at the end of a history.

        The result is None if this bot did not make that line.
        """
        *before, last = lines
        previous = mac_of(before[-1]) if before else ""
        found = self.read(run_id, [last], previous)
        return found.events[0] if found.events else None

    def renewed(self, run_id: str, lines: Sequence[bytes]) -> list[bytes]:
        """Return the lines of a whole history with their MACs under the newest key.

        The result is shorter than ``lines`` if this bot did not make the line that follows. Every
        MAC covers the one before it, so all lines of a run change together.
        """
        bodies, previous = [], ""
        for line in lines:
            body = self._authenticator.verify(_context(run_id, previous), line)
            if body is None:
                break
            bodies.append(body)
            previous = mac_of(line)
        return self.chained(run_id, bodies)


def last_lines(redis: Redis | Pipeline, run_id: str) -> list[bytes]:
    """Return the last two lines of a run's history, or fewer if it is shorter."""
    return list(map(codec.as_bytes, redis.lrange(keys.run_events(run_id), -2, -1)))


def distrust(run: Run) -> Text | None:
    """Return the sentence for people if the run was stopped because Redis was changed, or None."""
    problem = run.problems.get("run")
    if problem is None or problem.cause not in UNTRUSTED:
        return None
    return Text(f"turn_words.{problem.cause}", {"event": problem.code})


def foreign_event(run: Run) -> int:
    """Return the number of the run's first event that this bot did not make, or 0."""
    problem = run.problems.get("run")
    return int(problem.code) if problem is not None and problem.cause == FOREIGN_EVENT else 0


def _context(run_id: str, previous: str) -> tuple[str, ...]:
    return "event", run_id, previous
