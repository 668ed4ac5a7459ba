"""Graph of steps that run concurrently, each as soon as the steps it needs are met."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

import structlog

from jobs.engine.readiness import must_wait, retry_key, waits_for_time
from jobs.engine.recorder import Recorder, StoppingError
from jobs.engine.step import Step
from jobs.runs.run import Run

TICK_S = 0.5
"""Seconds between two looks that find out whether another step has become ready."""


@dataclass(frozen=True, slots=True)
class StepGraph:
    """Steps to run, with the ``work`` for each; ``met`` says whether one needs nothing more."""

    steps: Mapping[str, Step]
    work: Callable[[Step], Awaitable[None]]
    met: Callable[[Run, str], bool]

    async def run(self, recorder: Recorder) -> None:
        """Start each step once its needs are met, and return when no step can go on.

        A step that did not settle is started again when something it depends on has changed.

        Raises:
            StoppingError: a shutdown was requested; running steps are allowed to end first.
            LeaseLostError: another worker has the run.
        """
        tried: dict[str, object] = {}
        tasks: dict[asyncio.Future[None], str] = {}
        try:
            while True:
                recorder.refresh()
                if not recorder.shutdown.requested():
                    for step in self._ready(recorder.run, tried, tasks.values()):
                        tried[step.name] = retry_key(step, recorder.run)
                        tasks[asyncio.ensure_future(self._work_on(step))] = step.name
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
        if run.ended:
            return []
        return [
            step
            for step in self.steps.values()
            if step.name not in busy and self._is_open(run, step) and _is_news(run, step, tried)
        ]

    def _is_open(self, run: Run, step: Step) -> bool:
        if self.met(run, step.name) or must_wait(run, step.name):
            return False
        return all(self.met(run, need) for need in step.needs if need in self.steps)

    async def _work_on(self, step: Step) -> None:
        with structlog.contextvars.bound_contextvars(step=step.name):
            await self.work(step)


def _is_news(run: Run, step: Step, tried: Mapping[str, object]) -> bool:
    """Return whether the step was not tried yet, or can go on since its last try.

    A step that waits for time is not tried twice. A change during a try may have been seen by that
    try, and the clouds would be asked again for nothing.
    """
    if step.name not in tried:
        return True
    return tried[step.name] != retry_key(step, run) and not waits_for_time(run, step.name)


def _collect(done: Iterable[asyncio.Future[None]], tasks: dict[asyncio.Future[None], str]) -> None:
    """Drop finished tasks and raise their errors, but StoppingError: other steps end first."""
    for task in done:
        del tasks[task]
        if not isinstance(task.exception(), StoppingError):
            task.result()
