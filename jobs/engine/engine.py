"""Engine of a run: makes a plan, applies it, or checks a channel.

All three run every step whose needs are met at the same time. A step that waits for a person or for
time stops only the steps that need it. Every event is saved before the next side effect.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

import structlog

from jobs.clock import now, paced
from jobs.clouds import calls
from jobs.clouds.errors import CloudError, Forbidden, SignInNeeded, unreadable
from jobs.engine.applier import Applier, make_plan
from jobs.engine.context import StepContext
from jobs.engine.graph import TICK_S, Recorder, StepGraph, required_access
from jobs.engine.inspector import SETTLES_FOR, finding_from_error, not_readable, wrote_within
from jobs.engine.made_objects import look_at_made
from jobs.engine.step import Step
from jobs.model import Access, Finding, Reason, State
from jobs.runs import accepted
from jobs.runs.accepted import Accepted
from jobs.runs.run import AttemptOverError, Event, Kind
from jobs.runtime import Listener
from jobs.shutdown import Shutdown

log = structlog.get_logger(__name__)

STALE_S = 1.0
"""Seconds before a check repeats a read, because the directory may lag (microsoft.md 7)."""
DATA_ERRORS = (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError)
"""Errors of code that meets a missing value, a value of another type, or a date out of range."""


@dataclass(slots=True)
class Checker:
    recorder: Recorder
    steps: Mapping[str, Step]
    allowed: Collection[Access]
    accepted: Mapping[str, Accepted] = field(default_factory=dict)

    async def check(self) -> None:
        """Inspect every step that may be read, and skip the others with the reason."""
        ctx = self.recorder.ctx
        self.accepted = accepted.of(ctx.store, ctx.channel.mailbox)
        for step in self.steps.values():
            unread = step.name not in self.recorder.run.findings
            if unread and required_access(step, self.allowed) is None:
                self.recorder.queue(step, step.skipped(Reason.NEEDS_SIGN_IN))
        self.recorder.flush()  # one write: single ones would delay the first real finding
        graph = StepGraph(self.steps, self._check, lambda run, name: name in run.findings)
        with calls.watch_silence() as watch:
            teller = asyncio.ensure_future(self._tell(watch))
            try:
                await graph.run(self.recorder)
            finally:
                teller.cancel()
                with suppress(asyncio.CancelledError, AttemptOverError):
                    await teller

    async def _tell(self, watch: calls.SilenceWatch) -> None:
        """Save which clouds give no answer so far, except in a check of many channels."""
        told: tuple[str, ...] = ()
        while not self.recorder.ctx.many:
            await asyncio.sleep(TICK_S)
            silent = watch.silent()
            if silent != told:
                told = silent
                self.recorder.append(Event(Kind.SILENT, now(), data={"services": " ".join(silent)}))

    async def _check(self, step: Step) -> None:
        if unmet := self._unmet_need(step):
            words = Reason.NEEDS_OTHER.text(step=f"key:step.{unmet}")
            self.recorder.queue(step, replace(step.skipped(Reason.NEEDS_OTHER), seen=words))
            return
        access = required_access(step, self.allowed)
        finding = await self._inspect(step, access)
        if finding.state is State.WRONG and self._may_be_stale(step):
            await asyncio.sleep(paced(STALE_S))
            finding = await self._inspect(step, access)
        found = accepted.as_note(self.accepted, step.diagnosis.as_check_result(finding))
        self.recorder.queue(step, replace(found, access=access))

    def _unmet_need(self, step: Step) -> str:
        """Return the first need without a fact or IDs, which prevents a look at the step, or ""."""
        found = self.recorder.run.findings
        for need in step.needs:
            holds = need not in self.steps or found[need].state in {State.OK, State.WARNING}
            if not holds and not found[need].facts:
                return need
        return ""

    def _may_be_stale(self, step: Step) -> bool:
        """Return whether the channel's newest change may not show; never for many channels."""
        ctx = self.recorder.ctx
        recently = (
            wrote_within(run, SETTLES_FOR) for run in ctx.store.runs_of_mailbox(ctx.channel.mailbox)
        )
        replicates = step.group == "entra" or step.replicates
        return replicates and not ctx.many and any(recently)

    async def _inspect(self, step: Step, access: Access | None) -> Finding:
        """Return the step's finding.

        An answer of another shape than documented becomes an error of this step only. In a setup
        such an answer ends the run with a reference instead (:func:`jobs.advance.advance`).
        """
        run = self.recorder.run
        try:
            return await step.inspect(self.recorder.ctx)
        except DATA_ERRORS as odd:
            log.exception("an answer that the step cannot read", run=run.id)
            return finding_from_error(step, unreadable("answer", type(odd).__name__), run)
        except CloudError as error:
            if access is Access.APP and isinstance(error, Forbidden | SignInNeeded):
                return not_readable(step, error)
            return finding_from_error(step, error, run)


@dataclass(slots=True)
class Engine:
    """Work of one worker on one run, while ``holds()`` says that it still has the lease."""

    ctx: StepContext
    steps: Mapping[str, Step]
    listener: Listener
    holds: Callable[[], bool]
    shutdown: Shutdown = field(default_factory=Shutdown)
    _recorder: Recorder = field(init=False)
    _began_at: int = field(init=False)

    def __post_init__(self) -> None:
        self._recorder = Recorder(self.ctx, self.listener, self.holds, self.shutdown)
        self._began_at = self.ctx.run.version

    @property
    def seen(self) -> int:
        """Return the version without events of others, which a step may not have seen."""
        return self._began_at + self._recorder.written

    async def make_plan(self) -> None:
        await make_plan(self._recorder, self.steps)

    async def apply_plan(self) -> None:
        await Applier(self._recorder, self.steps).apply_plan()

    async def look_at_made(self) -> None:
        await look_at_made(self._recorder, self.steps)

    async def check(self, allowed: Collection[Access]) -> None:
        await Checker(self._recorder, self.steps, allowed).check()
