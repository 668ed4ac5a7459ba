"""Planner that inspects every automatic step of a setup and records the plan that follows.

The planner changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from jobs.clock import now
from jobs.engine.context import StepContext
from jobs.engine.graph import StepGraph
from jobs.engine.inspector import Inspector
from jobs.engine.readiness import NOT_INSPECTABLE, is_due, why_not_inspectable
from jobs.engine.recorder import Recorder
from jobs.engine.step import Step
from jobs.model import Change, Finding, Reason, State
from jobs.runs.plan import identity
from jobs.runs.run import Event, Kind, Run


@dataclass(slots=True)
class Planner:
    recorder: Recorder
    steps: Mapping[str, Step]

    async def make_plan(self) -> None:
        """Inspect the automatic steps in the order of their needs, then record the plan.

        A second call inspects only steps that are due again or could not be inspected, and the
        steps that need them.

        Raises:
            SignInNeeded: the sign-in has ended.
            LeaseLostError: another worker has the run.
        """
        ctx = self.recorder.ctx
        automatic = {name: step for name, step in self.steps.items() if step.automatic}
        again = {
            name
            for name, found in ctx.run.findings.items()
            if is_due(found) or found.reason in NOT_INSPECTABLE
        }

        async def inspect(step: Step) -> None:
            why = why_not_inspectable(step, self.recorder.run, self.steps)
            self.recorder.queue(
                step, step.wrong(why) if why else await Inspector(self.recorder).inspect(step)
            )
            again.discard(step.name)

        ctx.looking = True
        await StepGraph(
            automatic, inspect, lambda run, name: name in run.findings and name not in again
        ).run(self.recorder)
        ctx.looking = False
        self._record_plan()

    def _record_plan(self) -> None:
        ctx = self.recorder.ctx
        changes = planned_changes(self.steps, ctx)
        self.recorder.append(
            Event(Kind.PLANNED, now(), data={"plan": digest(changes, ctx.run)}, changes=changes)
        )


def planned_changes(steps: Mapping[str, Step], ctx: StepContext) -> tuple[Change, ...]:
    """Return the changes that would make the wrong findings right, in the order of the article."""
    found = ctx.run.findings
    return tuple(
        _without_guess(change, found[name])
        for name, step in steps.items()
        if ctx.run.state_of(name) is State.WRONG
        for change in step.plan(ctx, found[name])
    )


def _without_guess(change: Change, finding: Finding) -> Change:
    unknown = finding.reason is Reason.NOT_KNOWN
    return replace(change, before=Reason.NOT_KNOWN.text()) if unknown else change


def digest(changes: tuple[Change, ...], run: Run) -> str:
    """Return the id of a plan with these changes, so that a press on an old card approves nothing.

    The channel's addresses and the account that makes the changes are part of it. Most lines of a
    plan do not name them, and an approval for one of them must not count for another.
    """
    channel = run.channel
    addresses = (channel.mailbox, channel.callback_url, channel.forwarding_address)
    lines = [(c.step, c.object, c.before, c.after, c.scope) for c in changes]
    text = repr((addresses, identity(run.account), lines))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
