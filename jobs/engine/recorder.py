"""The only writer of a run's events while a worker holds the run's lease."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from jobs.clock import now
from jobs.engine.context import StepContext
from jobs.engine.step import Step
from jobs.model import Finding
from jobs.runs.run import Event, Kind, LeaseLostError, Run
from jobs.runtime import Listener
from jobs.shutdown import Shutdown


class StoppingError(LeaseLostError):
    """Error because this process is shutting down; another worker goes on from what is saved."""


@dataclass(slots=True)
class Recorder:
    """Recorder of one run's events, while ``holds()`` says that this worker still has the lease.

    Each write raises LeaseLostError if another worker has the run, and RunEndedError if it has
    ended. A request to shut down raises StoppingError.

    ``holds`` answers from the knowledge of this process, without asking Redis. The context's store
    asks Redis, in the transaction of each event (:meth:`jobs.runs.run_store.RunStore.held_by`).
    ``written`` is the number of events that this recorder has added.
    """

    ctx: StepContext
    listener: Listener
    holds: Callable[[], bool]
    shutdown: Shutdown = field(default_factory=Shutdown)
    written: int = 0
    _pending: list[Event] = field(default_factory=list)

    @property
    def run(self) -> Run:
        return self.ctx.run

    def append(self, *events: Event) -> None:
        """Save the events together, read the run again and notify the listener."""
        if not self.holds():
            raise LeaseLostError
        self.ctx.store.append(self.run.id, *events)
        self.written += len(events)
        self.refresh()
        self.listener.run_changed(self.run.id)

    def found(self, step: Step, finding: Finding) -> None:
        self.append(Event(Kind.FOUND, now(), step=step.name, finding=finding))

    def queue(self, step: Step, finding: Finding) -> None:
        """Keep a finding for the next :meth:`flush`: those of one moment become one write."""
        self._pending.append(Event(Kind.FOUND, now(), step=step.name, finding=finding))

    def flush(self) -> None:
        if self._pending:
            self.append(*self._pending)
            self._pending.clear()

    def refresh(self) -> None:
        """Read the events that were added since the last read, by this worker or anybody else."""
        self.ctx.run = self.ctx.store.refresh(self.run)

    def stop_if_requested(self) -> None:
        if self.shutdown.requested():
            raise StoppingError
