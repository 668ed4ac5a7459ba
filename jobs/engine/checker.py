"""Checker that inspects every readable fact about a channel, and changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import structlog

from jobs.causes.cause import Cause
from jobs.clock import now, paced
from jobs.clouds import silence
from jobs.clouds.errors import CloudError, CloudReply, Forbidden, MalformedAnswer, SignInNeeded
from jobs.engine.failures import SETTLES_FOR, finding_from_error, not_readable, wrote_within
from jobs.engine.graph import TICK_S, StepGraph
from jobs.engine.readiness import required_access
from jobs.engine.recorder import Recorder
from jobs.engine.step import Step
from jobs.model import Access, Finding, Reason, State
from jobs.runs.run import AttemptOverError, Event, Kind

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

    async def check(self) -> None:
        """Inspect every step that may be read, and skip the others with the reason.

        Every finding records the access that it was read with.

        Raises:
            LeaseLostError: another worker has the run.
        """
        self._skip(
            [step for step in self.steps.values() if required_access(step, self.allowed) is None]
        )
        graph = StepGraph(self.steps, self._check, lambda run, name: name in run.findings)
        with silence.watched() as watch:
            teller = asyncio.ensure_future(self._tell(watch))
            try:
                await graph.run(self.recorder)
            finally:
                teller.cancel()
                with suppress(asyncio.CancelledError, AttemptOverError):
                    await teller

    async def _tell(self, watch: silence.Watch) -> None:
        """Save which clouds give no answer so far, except in a check of many channels."""
        told: tuple[str, ...] = ()
        while not self.recorder.ctx.many:
            await asyncio.sleep(TICK_S)
            silent = watch.silent()
            if silent != told:
                told = silent
                self.recorder.append(Event(Kind.SILENT, now(), data={"services": " ".join(silent)}))

    def _skip(self, steps: Sequence[Step]) -> None:
        """Save the skipped steps in one write: single ones would delay the first real finding."""
        left = [step for step in steps if step.name not in self.recorder.run.findings]
        if left:
            self.recorder.append(
                *(
                    Event(
                        Kind.FOUND,
                        now(),
                        step=step.name,
                        finding=step.skipped(Reason.NEEDS_SIGN_IN),
                    )
                    for step in left
                )
            )

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
        self.recorder.queue(step, replace(step.diagnosis.as_check_result(finding), access=access))

    def _unmet_need(self, step: Step) -> str:
        """Return the first need without which the step cannot be inspected, or an empty string."""
        found = self.recorder.run.findings
        needs = (need for need in step.needs if need in self.steps)
        return next((need for need in needs if not _is_enough(found[need])), "")

    def _may_be_stale(self, step: Step) -> bool:
        """Return whether the channel's newest change may not show; never for many channels."""
        ctx = self.recorder.ctx
        recently = (
            wrote_within(run, SETTLES_FOR) for run in ctx.store.runs_of_mailbox(ctx.channel.mailbox)
        )
        replicates = step.group == "entra" or step.replicates
        return replicates and not ctx.many and any(recently)

    async def _inspect(self, step: Step, access: Access | None) -> Finding:
        try:
            return await self._read(step)
        except CloudError as error:
            if access is Access.APP and isinstance(error, Forbidden | SignInNeeded):
                return not_readable(step, error)
            return finding_from_error(step, error, self.recorder.run)

    async def _read(self, step: Step) -> Finding:
        """Return the step's finding.

        An answer of another shape than documented becomes an error of this step only. In a setup
        such an answer ends the run with a reference instead (:func:`jobs.advance.advance`).

        Raises:
            CloudError: as for :meth:`jobs.engine.step.Step.inspect`.
            MalformedAnswer: the step could not read the cloud's answer.
        """
        try:
            return await step.inspect(self.recorder.ctx)
        except DATA_ERRORS as odd:
            log.exception("an answer that the step cannot read", run=self.recorder.run.id)
            raise MalformedAnswer(
                Cause.ANSWER_UNREADABLE, CloudReply("answer", message=type(odd).__name__)
            ) from odd


def _is_enough(finding: Finding) -> bool:
    """Return whether dependent steps can be inspected: the fact holds, or its IDs are known."""
    return finding.state in {State.OK, State.WARNING} or bool(finding.facts)
