"""Engine of a run: makes a plan, applies it, or checks a channel.

All three run every step whose needs are met at the same time. A step that waits for a person or for
time stops only the steps that need it. Every event is saved before the next side effect.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from jobs.engine.applier import Applier, Planner
from jobs.engine.checker import Checker
from jobs.engine.context import StepContext
from jobs.engine.made_objects import MadeObjects
from jobs.engine.recorder import Recorder
from jobs.engine.step import Step
from jobs.model import Access
from jobs.runtime import Listener
from jobs.shutdown import Shutdown


@dataclass(slots=True)
class Engine:
    """Work of one worker on one run.

    Attributes:
        holds: Whether this worker still has the lease.
        shutdown: The request to begin nothing more.
    """

    ctx: StepContext
    steps: Mapping[str, Step]
    listener: Listener
    holds: Callable[[], bool]
    shutdown: Shutdown = field(default_factory=Shutdown)
    _recorder: Recorder = field(init=False)
    _applier: Applier = field(init=False)
    _began_at: int = field(init=False)

    def __post_init__(self) -> None:
        self._recorder = Recorder(self.ctx, self.listener, self.holds, self.shutdown)
        self._applier = Applier(self._recorder, self.steps)
        self._began_at = self.ctx.run.version

    @property
    def seen(self) -> int:
        """Return the version without events of others, which a step may not have seen."""
        return self._began_at + self._recorder.written

    async def make_plan(self) -> None:
        await Planner(self._recorder, self.steps).make_plan()

    async def apply_plan(self) -> None:
        await self._applier.apply_plan()

    async def look_at_made(self) -> None:
        await MadeObjects(self._recorder, self.steps).look()

    async def check(self, allowed: Collection[Access]) -> None:
        await Checker(self._recorder, self.steps, allowed).check()
