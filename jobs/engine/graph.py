"""Graph of steps that run concurrently, each as soon as the steps it needs are met.

The recorder is the only writer of a run's events while a worker holds the run's lease.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

import structlog

from jobs.clock import now
from jobs.engine.context import StepContext
from jobs.engine.step import Step
from jobs.microsoft.scopes import app_may_read
from jobs.model import Access, Finding, Reason, State, Turn
from jobs.runs.run import Event, Kind, LeaseLostError, Run
from jobs.runtime import Listener, Shutdown


class StoppingError(LeaseLostError):
    """Error because this process is shutting down; another worker goes on from what is saved."""


@dataclass(slots=True)
class Recorder:
    """Recorder of one run's events, while ``holds()`` says that this worker still has the lease.

    Each write raises LeaseLostError if another worker has the run, and RunEndedError if it has
    ended. A request to shut down raises StoppingError.

    ``holds`` answers from the knowledge of this process, without asking Redis. The context's store
    asks Redis, in the transaction of each event (:meth:`jobs.runs.run_store.RunStore.held_by`).
    ``seen`` is the run's version without events of others, which a step may not have seen.
    """

    ctx: StepContext
    steps: Mapping[str, Step]
    listener: Listener
    holds: Callable[[], bool]
    shutdown: Shutdown = field(default_factory=Shutdown)
    seen: int = field(init=False)
    _pending: list[Event] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.seen = self.ctx.run.version

    @property
    def run(self) -> Run:
        return self.ctx.run

    def append(self, *events: Event) -> None:
        """Save the events together, read the run again and notify the listener."""
        if not self.holds():
            raise LeaseLostError
        self.ctx.store.append(self.run.id, *events)
        self.seen += len(events)
        self.refresh()
        self.listener(self.run.id)

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


NOT_INSPECTABLE = frozenset({Reason.NOTHING_YET, Reason.NOT_KNOWN})
NOT_THERE = frozenset({Reason.ABSENT, Reason.NOTHING_YET})


def retry_key(step: Step, run: Run) -> object:
    """Return a value that must change before a step that could not continue is tried again."""
    return (
        tuple(map(run.settled, step.after)),
        frozenset((question, answer.at) for question, answer in run.answers.items()),
        frozenset(run.approvals),
        run.signed_in,
        run.plan and run.plan.id,
        step.name in run.demanded,
    )


def why_not_inspectable(step: Step, run: Run, steps: Collection[str]) -> Reason | None:
    """Return why a step cannot be inspected for a plan, or None if it can.

    It can be inspected if its needs hold, or exist with the facts that lead further. A part of a
    missing object is missing too, but that is never said of something that is only unknown.
    """
    found = [run.findings.get(n) for n in step.needs if n in steps and not run.settled(n)]
    if all(f and f.facts for f in found):
        return None
    if any(f and not f.facts and f.state is State.WRONG and f.reason in NOT_THERE for f in found):
        return None if step.inspect_unmet else Reason.NOTHING_YET
    return Reason.NOT_KNOWN


def is_due(finding: Finding) -> bool:
    return finding.until is not None and finding.until <= now()


def required_access(step: Step, allowed: Collection[Access]) -> Access | None:
    """Return the least access that suffices, or None; a sign-in comes before the bot's own."""
    if step.diagnosis.access is Access.NONE:
        return Access.NONE
    if Access.ADMIN in allowed:
        return Access.ADMIN
    return Access.APP if Access.APP in allowed and app_may_read(step.reads) else None


TICK_S = 0.5
"""Seconds between two looks that find out whether another step has become ready."""


@dataclass(frozen=True, slots=True)
class StepGraph:
    """Steps to run, with the ``work`` for each; ``met`` says whether one needs nothing more."""

    steps: Mapping[str, Step]
    work: Callable[[Step], Awaitable[None]]
    met: Callable[[Run, str], bool]

    async def run(self, recorder: Recorder) -> None:
        """Start each step once its needs are met, and again when what it depends on has changed."""
        tried: dict[str, object] = {}
        tasks: dict[asyncio.Future[None], str] = {}
        try:
            while True:
                recorder.refresh()
                if not recorder.shutdown.requested():
                    for step in self._ready(recorder.run, tried, tasks.values()):
                        tried[step.name] = retry_key(step, recorder.run)
                        with structlog.contextvars.bound_contextvars(step=step.name):
                            tasks[asyncio.ensure_future(self.work(step))] = step.name
                if not tasks:
                    recorder.stop_if_requested()
                    return
                done, _ = await asyncio.wait(
                    tasks, timeout=TICK_S, return_when=asyncio.FIRST_COMPLETED
                )
                _collect(done, tasks)
                recorder.flush()
        finally:
            for task in tasks:
                task.cancel()

    def _ready(self, run: Run, tried: Mapping[str, object], busy: Collection[str]) -> list[Step]:
        free = (step for name, step in self.steps.items() if name not in busy and not run.ended)
        return [step for step in free if self._is_open(run, step) and _is_news(run, step, tried)]

    def _is_open(self, run: Run, step: Step) -> bool:
        needs = (need for need in step.needs if need in self.steps)
        return not self.met(run, step.name) and all(self.met(run, need) for need in needs)


def _is_news(run: Run, step: Step, tried: Mapping[str, object]) -> bool:
    """Return whether the step was not tried yet, or can go on since its last try.

    A step that waits for time is not tried twice: a change during a try may have been seen by that
    try. A cloud that did not answer is not asked before its time, even if the run wakes for another
    step.
    """
    found = run.findings.get(step.name)
    if found and found.waiting_for is Turn.TIME and not is_due(found):
        return step.name not in tried and found.state is not State.UNKNOWN
    return tried.get(step.name) != retry_key(step, run)


def _collect(done: Iterable[asyncio.Future[None]], tasks: dict[asyncio.Future[None], str]) -> None:
    """Drop finished tasks and raise their errors, but StoppingError: other steps end first."""
    for task in done:
        del tasks[task]
        if not isinstance(task.exception(), StoppingError):
            task.result()
