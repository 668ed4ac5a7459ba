"""Planner of the changes of a setup, and applier that inspects until each one is proven."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import structlog

from jobs.causes.cause import Cause
from jobs.clock import now
from jobs.clouds import calls
from jobs.clouds.errors import AlreadyExists, CloudError
from jobs.engine.context import StepContext
from jobs.engine.graph import NOT_INSPECTABLE, Recorder, StepGraph, is_due, why_not_inspectable
from jobs.engine.inspector import SETTLES_FOR, Inspector
from jobs.engine.made_objects import still_deleted
from jobs.engine.step import Step
from jobs.model import Change, Finding, Reason, State, Text, Turn
from jobs.runs import trust
from jobs.runs.run import AttemptOverError, Event, Kind, Plan, Run, identity


async def make_plan(recorder: Recorder, steps: Mapping[str, Step]) -> None:
    """Inspect the automatic steps in the order of their needs, then record the plan.

    A second call inspects only steps that are due again or could not be inspected, and the steps
    that need them.
    """
    ctx = recorder.ctx
    automatic = {name: step for name, step in steps.items() if step.automatic}
    again = {
        name
        for name, found in ctx.run.findings.items()
        if is_due(found) or found.reason in NOT_INSPECTABLE or ctx.run.is_to_reread(name)
    }

    async def inspect(step: Step) -> None:
        why = why_not_inspectable(step, recorder.run, steps)
        recorder.queue(step, step.wrong(why) if why else await Inspector(recorder).inspect(step))
        again.discard(step.name)

    def known(run: Run, name: str) -> bool:
        return name in run.findings and name not in again

    ctx.looking = True
    await StepGraph(automatic, inspect, known).run(recorder)
    ctx.looking = False
    changes = planned_changes(steps, ctx)
    data = {"plan": digest(changes, ctx.run)}
    recorder.append(Event(Kind.PLANNED, now(), data=data, changes=changes))


def planned_changes(steps: Mapping[str, Step], ctx: StepContext) -> tuple[Change, ...]:
    """Return the changes that would make the wrong findings right, in the order of the article."""
    found = ctx.run.findings
    not_known = Reason.NOT_KNOWN
    return tuple(
        replace(line, before=not_known.text()) if found[name].reason is not_known else line
        for name, step in steps.items()
        if ctx.run.state_of(name) is State.WRONG
        for line in step.plan(ctx, found[name])
    )


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


log = structlog.get_logger(__name__)

IN_FLIGHT_S = 3.0
"""Seconds in which a call may still arrive at a cloud after the worker that made it was killed."""
LOST_AGAIN = timedelta(minutes=5)
"""Time until the bot looks again at a lost fact, unless somebody presses Look again."""
REAPPROVAL_NOTE = Text("note.anew")
MAX_UNSEEN_CHANGES = 3
"""Number of changes without an effect after which a person has to act; each has five minutes."""


@dataclass(slots=True)
class Applier(Inspector):
    """Applier of the plan of one run; only a later inspection may call a step done."""

    steps: Mapping[str, Step]
    _begun: set[str] = field(default_factory=set)

    async def apply_plan(self) -> None:
        """Apply the approved changes, until everything left waits for a person or for time.

        If somebody asked to look again, what a plan covers is read again first.
        """

        def met(run: Run, name: str) -> bool:
            again = self.steps[name].automatic and run.is_to_reread(name)
            return run.settled(name) and not again

        await StepGraph(self.steps, self._advance, met).run(self.recorder)

    async def _advance(self, step: Step) -> None:
        before = self.recorder.run.findings.get(step.name)
        if self.recorder.run.state_of(step.name) is not State.WAITING:
            self.recorder.append(Event(Kind.RUNNING, now(), step=step.name))
        await self._await_in_flight(step)
        finding = await self.inspect(step)
        if other := await self._changed_since(step, finding):
            finding = _waits_for_step(step, other)
        elif finding.state is State.WRONG:
            finding = await self._apply_if_allowed(step, finding)
        finding = await self._or_lost(step, finding)
        run = self.recorder.run
        answered = run.answered_since(step.name, step.returns_with)
        if finding != before or answered or step.name in run.running:
            self.recorder.found(step, finding)

    async def _changed_since(self, step: Step, finding: Finding) -> str:
        """Return the first fact on the mail's way that is lost, or ""; it is changed or planned."""
        passed = step.passes if finding.state in {State.WRONG, State.WAITING} else ()
        for other in (self.steps[name] for name in passed if self.recorder.run.settled(name)):
            seen = await self.inspect(other)
            if seen.state is State.WRONG:
                self.recorder.found(other, await self._apply_if_allowed(other, seen))
                return other.name
        return ""

    async def _or_lost(self, step: Step, finding: Finding) -> Finding:
        """Return the finding, or that of an earlier step that has ceased to hold and explains it.

        A license that was removed after the plan makes Exchange answer "not found", and makes the
        mail server refuse the token. Waiting fixes neither error.
        """
        if step.doubted_by and finding.state is State.WRONG:
            return _lost(finding, self.recorder.run.findings.get(step.name))
        for other in self.steps.values():
            if finding.cause in other.doubted_by and self.recorder.run.settled(other.name):
                seen = await self.inspect(other)
                if seen.state is State.WRONG:
                    lost = _lost(seen, self.recorder.run.findings.get(other.name))
                    self.recorder.found(other, lost)
                    return replace(lost, step=step.name, facts={}, evidence=finding.evidence)
        return finding

    async def _await_in_flight(self, step: Step) -> None:
        """Wait until a call of a killed worker, which would overwrite later writes, has arrived."""
        made = self.recorder.run.changed.get(step.name)
        if made is not None and made.done is None and step.name not in self._begun:
            age = (now() - made.begun).total_seconds()
            await asyncio.sleep(min(max(IN_FLIGHT_S - age, 0), IN_FLIGHT_S))

    async def _apply_if_allowed(self, step: Step, finding: Finding) -> Finding:
        """Make the change if it may be made now, or return a finding about its wait.

        An object that was deleted stays so if nobody wants it made again. A plan may show a step's
        own lines together with lines that another step applies later. All of them must be approved;
        only the step's own are applied here.
        """
        if deleted := still_deleted(self.recorder.ctx, step):
            return deleted
        changes = step.plan(self.recorder.ctx, finding)
        if not changes and not step.unapproved:
            return finding
        if changes and (found := self._finding_after_change(step)):
            return found
        return self._blocker(step, changes) or await self._change(step, finding, changes)

    def _finding_after_change(self, step: Step) -> Finding | None:
        """Return a finding if the change may still show or never will, or None to make it.

        A newer answer to the question in ``repeat_on`` requests the change again.
        """
        run = self.recorder.run
        made, repeat = run.changed.get(step.name), run.answers.get(step.repeat_on)
        if made is None:
            return None
        settling = made.done is not None and now() - made.done < SETTLES_FOR
        repeated = repeat is not None and made.done is not None and repeat.at > made.done
        if settling and not repeated:
            return self.wait_for_replication(step)
        if made.unseen < MAX_UNSEEN_CHANGES:
            return None
        found = step.waits_for(
            Turn.ADMINISTRATOR, Text("seen.never_shown"), cause=Cause.CHANGE_NEVER_SHOWN
        )
        return replace(found, state=State.UNKNOWN)

    def _blocker(self, step: Step, changes: tuple[Change, ...]) -> Finding | None:
        run = self.recorder.run
        asked = step.waits_for(Turn.MAILBOX_USER, Text("seen.asked"))
        before = (name for name in step.after if name in self.steps and not run.settled(name))
        if other := next(before, ""):
            return _waits_for_step(step, other)
        unanswered = step.required_answer != "" and not run.answer(step.required_answer)
        if unanswered and not _shows_all(run.plan, changes):
            return asked
        if not all(map(run.approved, changes)):
            self._replan(step, changes)
            return step.waits_for(Turn.APPROVER, Text("seen.not_approved"))
        trust.require_audited(self.recorder.ctx.store, run)
        return asked if unanswered else None

    def _replan(self, step: Step, changes: tuple[Change, ...]) -> None:
        """Show the lines that differ from the approved ones on the plan, for another approval."""
        plan = self.recorder.run.plan
        if plan is None or _shows_all(plan, changes):
            return
        lines = tuple(
            replace(line, note=line.note or REAPPROVAL_NOTE, warning=True) for line in changes
        )
        data = {"plan": digest(plan.with_lines(lines), self.recorder.run)}
        self.recorder.append(Event(Kind.DIFFERS, now(), step=step.name, data=data, changes=lines))

    async def _change(self, step: Step, finding: Finding, changes: tuple[Change, ...]) -> Finding:
        self.recorder.stop_if_requested()
        # the step's own lines are recorded first, so that the next worker knows of a call
        self._begun.add(step.name)
        own = tuple(line for line in changes if line.step == step.name)
        self.recorder.append(
            Event(Kind.CHANGING, now(), step=step.name, finding=finding, changes=own)
        )
        refused, made = None, list[str]()

        async def apply() -> None:
            calls.check_guard()
            await step.apply(self.recorder.ctx, finding)

        try:
            try:
                with calls.record_calls() as made:
                    await self.retry_while_replicating(step, apply)
            except AlreadyExists:
                pass  # made by somebody else or by an earlier try: inspect decides
            except CloudError as error:
                calls.check_guard()  # a worker that was stopped for long knows nothing of its call
                refused = error
            if refused is None:
                data = {"calls": "; ".join(made)} if made else {}
                self.recorder.append(Event(Kind.CHANGED, now(), step=step.name, data=data))
        except (AttemptOverError, asyncio.CancelledError) as over:
            if isinstance(over, AttemptOverError) or _is_over():
                ctx = self.recorder.ctx
                log.warning("the run was lost during a change", step=step.name, calls=list(made))
                if made:  # the next worker looks before it changes
                    data = {"calls": "; ".join(made)}
                    ctx.store.record("changed_late", ctx.run.id, step=step.name, data=data)
            raise
        return self._refused(step, refused, made) if refused else await self.verify(step)

    def _refused(self, step: Step, error: CloudError, made: Sequence[str]) -> Finding:
        ctx = self.recorder.ctx
        data = {"cause": error.cause, "calls": "; ".join(made)}
        ctx.store.record("not_changed", ctx.run.id, step=step.name, data=data)
        return (
            self._require_other_step(step, error)
            or step.explain_error(ctx, error)
            or self.finding_from(step, error)
        )

    def _require_other_step(self, step: Step, error: CloudError) -> Finding | None:
        """Add another step's change, which the cloud requires first, for an approval of its own."""
        run, other = self.recorder.run, self.steps.get(step.prerequisites.get(error.cause, ""))
        if other is None or run.change_applied(other.name):
            return None
        planned = run.plan.changes if run.plan else ()
        lines = other.plan(self.recorder.ctx, other.wrong(Reason.DEMANDED))
        if other.name in {line.step for line in planned}:
            lines = ()
        data = {"plan": digest((*planned, *lines), run)}
        self.recorder.append(Event(Kind.DEMANDED, now(), step=other.name, data=data, changes=lines))
        return _waits_for_step(step, other.name)


def _shows_all(plan: Plan | None, changes: tuple[Change, ...]) -> bool:
    return plan is not None and all(map(plan.shows, changes))


def _is_over() -> bool:
    """Return whether this worker may change nothing more; the other steps have ended too."""
    try:
        calls.check_guard()
    except AttemptOverError:
        return True
    return False


def _lost(finding: Finding, before: Finding | None) -> Finding:
    return replace(
        finding,
        state=State.WAITING,
        waiting_for=Turn.ADMINISTRATOR,
        until=now() + LOST_AGAIN,
        facts={**(before.facts if before else {}), **finding.facts},
    )


def _waits_for_step(step: Step, other: str) -> Finding:
    return step.waits_for(Turn.NOBODY, Text("seen.after", {"step": f"key:step.{other}"}))
