"""Engine of a run: makes a plan, applies it, or checks a channel.

All three run every step whose needs are met at the same time. A step that waits for a person or for
time stops only the steps that need it. Every event is saved before the next side effect.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from jobs.engine.applier import Applier
from jobs.engine.checker import Checker
from jobs.engine.context import StepContext
from jobs.engine.made_objects import MadeObjects
from jobs.engine.planner import Planner
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
        """Return the version of the run without the events that others have added meanwhile.

        A step that was already inspected may have missed a person's answer, although a later read
        of the run contains it.
        """
        return self._began_at + self._recorder.written

    async def make_plan(self) -> None:
        """Inspect the steps and record a plan (:meth:`jobs.engine.planner.Planner.make_plan`)."""
        await Planner(self._recorder, self.steps).make_plan()

    async def apply_plan(self) -> None:
        """Apply the approved changes (:meth:`jobs.engine.applier.Applier.apply_plan`)."""
        await self._applier.apply_plan()

    async def look_at_made(self) -> None:
        """Look at the made objects (:meth:`jobs.engine.made_objects.MadeObjects.look`)."""
        await MadeObjects(self._recorder, self.steps).look()

    async def check(self, allowed: Collection[Access]) -> None:
        """Inspect with the ``allowed`` access (:meth:`jobs.engine.checker.Checker.check`)."""
        await Checker(self._recorder, self.steps, allowed).check()
