"""Inspector of the steps of a setup, which waits until a recent write becomes visible."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from jobs.clock import paced
from jobs.clouds.errors import CloudError, SignInNeeded
from jobs.engine.failures import ROLE_CAUSES, finding_from_error, may_be_replication
from jobs.engine.recorder import Recorder
from jobs.engine.step import Step
from jobs.model import Finding, Reason, State, Text, Turn

T = TypeVar("T")

SETTLE_S = (0.2, 0.5, 1, 2, 4)
"""Pauses between reads after a write, in seconds, while the worker waits. If the directory needs
longer, the run is parked.
"""
PARK_S = (8.0, 16, 30, 30, 30, 60)
"""Pauses of a parked run, in seconds, after ``SETTLE_S`` (platforms/microsoft.md 7)."""
SHOWN_AFTER_S = 1
"""A pause of this many seconds or more is shown on the card."""
LET_IN = Text("seen.let_in")


@dataclass(slots=True)
class Inspector:
    """Inspector of one run's steps, which allows for replication in Microsoft's directory."""

    recorder: Recorder

    async def inspect(self, step: Step) -> Finding:
        """Return the finding of ``step``, or a finding with the reason why it could not be read.

        Raises:
            SignInNeeded: the sign-in has ended.
        """
        try:
            return await self.retry_while_replicating(step, lambda: step.inspect(self.recorder.ctx))
        except CloudError as error:
            return self.finding_from(step, error)

    async def verify(self, step: Step) -> Finding:
        """Read the step again until its change shows, or park the run if that takes longer."""
        for pause in SETTLE_S:
            finding = await self.inspect(step)
            if finding.state is not State.WRONG:
                return finding
            await self._pause(step, pause)
        return self.wait_for_replication(step)

    async def retry_while_replicating(self, step: Step, call: Callable[[], Awaitable[T]]) -> T:
        """Repeat ``call`` while the directory may not yet know a recent write of this run.

        Role and consent errors are not repeated here, because a new role takes longer to arrive
        than a worker should wait.

        Raises:
            CloudError: the last error of ``call``.
        """
        for pause in SETTLE_S:
            try:
                return await call()
            except CloudError as error:
                if error.cause in ROLE_CAUSES or not self._may_be_replication(step, error):
                    raise
            await self._pause(step, pause)
        return await call()

    def finding_from(self, step: Step, error: CloudError) -> Finding:
        """Turn an error into a finding.

        An error that replication may cause becomes a finding that waits. A role error keeps the
        cloud's own words.

        Raises:
            SignInNeeded: the sign-in has ended.
        """
        if self._may_be_replication(step, error):
            if error.cause in ROLE_CAUSES:
                return replace(
                    self.wait_for_replication(step, LET_IN, error.cause), evidence=error.evidence()
                )
            return self.wait_for_replication(step)
        if isinstance(error, SignInNeeded):
            raise error
        return finding_from_error(step, error, self.recorder.run)

    def _may_be_replication(self, step: Step, error: CloudError) -> bool:
        return may_be_replication(error, self.recorder.run, step)

    def wait_for_replication(
        self, step: Step, seen: Text | Reason = Reason.REPLICATION, cause: str = ""
    ) -> Finding:
        """Return a waiting finding that is due again after the next pause of a parked run."""
        return step.waits_for(
            Turn.TIME, seen, cause=cause, again_s=self.recorder.ctx.pause(step.name, PARK_S)
        )

    async def _pause(self, step: Step, seconds: float) -> None:
        """Sleep, and show the wait on the card if it is long enough to be noticed."""
        self.recorder.stop_if_requested()
        known = self.recorder.run.findings.get(step.name)
        if seconds >= SHOWN_AFTER_S and (known is None or known.reason is not Reason.REPLICATION):
            self.recorder.found(step, step.waits_for(Turn.TIME, Reason.REPLICATION))
        await asyncio.sleep(paced(seconds))
