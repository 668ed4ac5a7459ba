"""Walks the graph of steps: looks at every fact at once, and makes the approved ones true, each as soon as it may.

:meth:`Engine.look` inspects and plans, and changes nothing. :meth:`Engine.make` inspects, applies what is approved, and
inspects again until the change is proven; only inspect may call a step done. Both run every step whose needs are met at the
same time. A step that waits for a person or for time stops nothing but the steps that need it. Every event is saved before
the next side effect.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import structlog

from jobs import shutdown
from jobs.clock import now
from jobs.clouds import call_log
from jobs.clouds.errors import AlreadyExists, CloudError, CloudReply, Forbidden, MalformedAnswer, SignInNeeded
from jobs.engine.failures import (
    NEEDS_SIGN_IN,
    ROLE_CAUSES,
    SETTLES_FOR,
    finding_from_error,
    may_be_replication,
    never_effective,
    not_readable,
    wrote_within,
)
from jobs.engine.readiness import NOT_INSPECTABLE, NOT_KNOWN, is_due, must_wait, required_access, retry_key, why_not_inspectable
from jobs.engine.step import REQUIRED_ELSEWHERE, Step, StepContext
from jobs.model import Access, Change, Finding, State, Text, Turn
from jobs.runs.run import Event, Kind, Run
from jobs.runtime import Listener

T = TypeVar("T")
log = structlog.get_logger(__name__)

SETTLE_S = (0.2, 0.5, 1, 2, 4)
"""Pauses between reads after a write, in seconds, while the worker waits; a directory that needs longer parks the run."""
PARK_S = (8.0, 16, 30, 30, 30, 60)
"""Pauses of a parked run, in seconds; with those above the back-off of facts/microsoft.md section 7."""
DATA_ERRORS = (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError)
"""How code trips over something that is missing, of another kind, or a date beyond all dates."""
IN_FLIGHT_S = 3.0
"""How long a call may still be carried out after the worker that made it was killed, in seconds."""
STALE_S = 1.0
"""Before a check reads once more what may be stale (facts/microsoft.md 7), in seconds."""
TICK_S = 0.5
QUIET_S = 1
REAPPROVAL_NOTE = Text("note.anew")
REPLICATION, LET_IN = Text("seen.replication"), Text("seen.let_in")
MAX_UNSEEN_CHANGES = 3
"""So often a change is made that never shows, each time for five minutes; then somebody has to look."""


class LeaseLostError(Exception):
    """Another worker has taken the run over; this one must not write any more."""


class StoppingError(LeaseLostError):
    """This process is to end: what was under way is saved, and another goes on from there."""


@dataclass(slots=True)
class Engine:
    """One run, worked on by one worker. ``holds`` says whether this worker still has the lease."""

    ctx: StepContext
    steps: Mapping[str, Step]
    listener: Listener
    holds: Callable[[], bool]
    _seen_now: list[Event] = field(default_factory=list)
    _begun: set[str] = field(default_factory=set)

    async def make_plan(self) -> None:
        """Inspect every automatic step, in the order of their needs, and record the plan that follows.

        A second time, inspect what could not be seen and is due again, with what hung on it.

        Raises:
            SignInNeeded: no cloud can be asked before somebody signs in again.
            LeaseLostError: another worker has the run.
        """
        self.ctx.looking = True
        automatic = {name: step for name, step in self.steps.items() if step.automatic}
        again = {name for name, finding in self.ctx.run.findings.items() if is_due(finding) or finding.seen in NOT_INSPECTABLE}

        async def look_at(step: Step) -> None:
            await self._look_at(step)
            again.discard(step.name)

        await self._run_graph(automatic, look_at, met=lambda run, name: name in run.findings and name not in again)
        self.ctx.looking = False
        changes = has_plan(self.steps, self.ctx)
        self._append(Event(Kind.PLANNED, now(), data={"plan": digest(changes)}, changes=changes))

    async def apply_plan(self) -> None:
        """Make true what is approved; return when nothing more can be done before somebody or the clock has moved.

        Raises:
            SignInNeeded: no cloud can be asked before somebody signs in again.
            LeaseLostError: another worker has the run.
        """
        await self._run_graph(self.steps, self._advance, met=Run.settled)

    async def check(self, allowed: Collection[Access]) -> None:
        """Inspect everything that may be looked at, and change nothing; what may not is skipped, with the reason.

        Every finding says with which access it was seen.

        Raises:
            LeaseLostError: another worker has the run.
        """
        self._leave_out([step for step in self.steps.values() if required_access(step, allowed) is None])
        await self._run_graph(self.steps, lambda step: self._check(step, allowed), met=lambda run, name: name in run.findings)

    def _leave_out(self, steps: Sequence[Step]) -> None:
        """All at once: one by one they would hold up the first finding that somebody waits for."""
        left = [step for step in steps if step.name not in self.ctx.run.findings]
        if left:
            self._append(*(Event(Kind.FOUND, now(), step=step.name, finding=step.skipped(NEEDS_SIGN_IN)) for step in left))

    async def _run_graph(self, steps: Mapping[str, Step], work: Callable[[Step], Awaitable[None]], met: Callable[[Run, str], bool]) -> None:
        """Start each step once its needs are met; one that did not settle is tried again when something else has moved."""
        tried: dict[str, object] = {}
        tasks: dict[asyncio.Future[None], str] = {}
        try:
            while True:
                self._refresh()
                for step in () if shutdown.requested() else self._ready(steps, met, tried, tasks.values()):
                    tried[step.name] = retry_key(step, self.ctx.run)
                    tasks[asyncio.ensure_future(_named(step, work))] = step.name
                if not tasks:
                    _go_on()
                    return
                done, _ = await asyncio.wait(tasks, timeout=TICK_S, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    del tasks[task]
                    if not isinstance(task.exception(), StoppingError):  # the others end first: a call of theirs is not cut off
                        task.result()
                self._save_seen()
        finally:
            for task in tasks:
                task.cancel()

    def _ready(
        self, steps: Mapping[str, Step], met: Callable[[Run, str], bool], tried: Mapping[str, object], busy: Collection[str]
    ) -> list[Step]:
        run = self.ctx.run
        return [
            step
            for step in steps.values()
            if not run.ended
            and step.name not in busy
            and not met(run, step.name)
            and not must_wait(run, step.name)
            and all(met(run, need) for need in step.needs if need in steps)
            and tried.get(step.name) != retry_key(step, run)
        ]

    async def _look_at(self, step: Step) -> None:
        why = why_not_inspectable(step, self.ctx.run, self.steps)
        self._saw(step, step.wrong(why) if why else await self._inspect(step))

    async def _check(self, step: Step, allowed: Collection[Access]) -> None:
        found = self.ctx.run.findings
        unmet = [need for need in step.needs if need in self.steps and not _tells(found[need])]
        if unmet:
            self._saw(step, step.skipped(Text("skipped.needs_other", {"step": f"key:step.{unmet[0]}"})))
        else:
            access = required_access(step, allowed)
            finding = await self._seen(step, access)
            if finding.state is State.WRONG and self._stale(step):
                await asyncio.sleep(STALE_S)
                finding = await self._seen(step, access)
            self._saw(step, replace(step.as_check_result(finding), access=access))

    def _stale(self, step: Step) -> bool:
        """Whether what the directory shows may be from before what a run of this channel wrote a moment ago: then it is read once more.

        Of many channels all is read once.
        """
        lately = (wrote_within(run, SETTLES_FOR) for run in self.ctx.store.runs_of_mailbox(self.ctx.channel.mailbox))
        return step.group == "entra" and not self.ctx.many and any(lately)

    async def _seen(self, step: Step, access: Access | None) -> Finding:
        try:
            return await self._look_into(step)
        except CloudError as error:
            if access is Access.APP and isinstance(error, Forbidden | SignInNeeded):
                return not_readable(step, error)
            return finding_from_error(step, error, self.ctx.run)

    async def _advance(self, step: Step) -> None:
        before = self.ctx.run.findings.get(step.name)
        if before is None or before.state is not State.WAITING:
            self._append(Event(Kind.RUNNING, now(), step=step.name))
        await self._await_in_flight(step)
        finding = await self._inspect(step)
        if finding.state is State.WRONG:
            finding = await self._apply_if_allowed(step, finding)
        if finding != before or step.name in self.ctx.run.running:
            self._found(step, finding)

    async def _await_in_flight(self, step: Step) -> None:
        """Let a call of a killed worker arrive: carried out later, it would take back what is written after it."""
        made = self.ctx.run.changed.get(step.name)
        if made is not None and made.done is None and step.name not in self._begun:
            age = (now() - made.begun).total_seconds()
            await asyncio.sleep(min(max(IN_FLIGHT_S - age, 0), IN_FLIGHT_S))

    async def _apply_if_allowed(self, step: Step, finding: Finding) -> Finding:
        """Make a change that may be made now; otherwise say who or what it waits for.

        A plan may show beside its own lines what another step changes later: all are approved, and its own are made.
        """
        changes = step.plan(self.ctx, finding)
        if not changes and not step.unapproved:
            return finding
        if changes and self._replicating(step):
            return self._later(step)
        made = self.ctx.run.changed.get(step.name)
        if changes and made is not None and made.unseen >= MAX_UNSEEN_CHANGES:
            return never_effective(step)
        return self._blocker(step, changes) or await self._change(step, finding, changes)

    def _blocker(self, step: Step, changes: tuple[Change, ...]) -> Finding | None:
        run = self.ctx.run
        open_steps = [name for name in step.after if name in self.steps and not run.settled(name)]
        if open_steps:
            return _after(step, open_steps[0])
        if not all(run.approved(change) for change in changes):
            self._replan(step, changes)
            return step.waits_for(Turn.APPROVER, Text("seen.not_approved"))
        if step.required_answer and not run.answer(step.required_answer):
            return step.waits_for(Turn.MAILBOX_USER, Text("seen.asked"))
        return None

    def _replan(self, step: Step, changes: tuple[Change, ...]) -> None:
        """What was approved is not what would be done now: the plan shows that instead, for another approval."""
        plan = self.ctx.run.plan
        if plan is not None and not all(plan.shows(change) for change in changes):
            lines = tuple(replace(line, note=line.note or REAPPROVAL_NOTE, warning=True) for line in changes)
            data = {"plan": digest(plan.with_lines(lines))}
            self._append(Event(Kind.DIFFERS, now(), step=step.name, data=data, changes=lines))

    async def _change(self, step: Step, finding: Finding, changes: tuple[Change, ...]) -> Finding:
        _go_on()
        self._begun.add(step.name)
        own = tuple(line for line in changes if line.step == step.name)
        self._append(Event(Kind.CHANGING, now(), step=step.name, finding=finding, changes=own))
        try:
            with call_log.record_calls() as made:
                await self._retry_while_replicating(step, lambda: step.apply(self.ctx, finding))
        except AlreadyExists:
            pass  # somebody, perhaps an earlier try of ours, has made it: inspect decides
        except CloudError as error:
            self.ctx.store.not_changed(self.ctx.run.id, step.name, {"cause": error.cause, "calls": "; ".join(made)})
            return self._require_other_step(step, error) or step.explain_error(self.ctx, error) or self._stopped(step, error)
        self._append(Event(Kind.CHANGED, now(), step=step.name, data={"calls": "; ".join(made)} if made else {}))
        return await self._verify(step)

    def _require_other_step(self, step: Step, error: CloudError) -> Finding | None:
        """A cloud wants another step's change first, which this run has not made: it joins the plan, for an approval of its own."""
        run, other = self.ctx.run, self.steps.get(step.prerequisites.get(error.cause, ""))
        if other is None or run.change_applied(other.name):
            return None
        there = run.plan.changes if run.plan else ()
        lines = () if any(line.step == other.name for line in there) else other.plan(self.ctx, other.wrong(REQUIRED_ELSEWHERE))
        plan = {"plan": digest((*there, *lines))}
        self._append(Event(Kind.DEMANDED, now(), step=other.name, data=plan, changes=lines))
        return _after(step, other.name)

    async def _verify(self, step: Step) -> Finding:
        """Read back until the change shows; a directory that needs longer parks the run."""
        for pause in SETTLE_S:
            finding = await self._inspect(step)
            if finding.state is not State.WRONG:
                return finding
            await self._pause(step, pause)
        return self._later(step)

    def _replicating(self, step: Step) -> bool:
        """Whether the change was made within the last five minutes, so that a read that does not show it may be stale."""
        made, anew = self.ctx.run.changed.get(step.name), self.ctx.run.answers.get(step.repeat_on)
        if made is not None and made.done is not None and anew is not None and anew.at > made.done:
            return False
        return made is not None and made.done is not None and now() - made.done < SETTLES_FOR

    def _later(self, step: Step, seen: Text = REPLICATION, cause: str = "") -> Finding:
        return step.waits_for(Turn.TIME, seen, cause=cause, again_s=self.ctx.pause(step.name, PARK_S))

    async def _inspect(self, step: Step) -> Finding:
        try:
            return await self._retry_while_replicating(step, lambda: step.inspect(self.ctx))
        except CloudError as error:
            return self._stopped(step, error)

    async def _look_into(self, step: Step) -> Finding:
        """What the step finds. One that trips over an answer of another shape than the documents promise says nothing, and stops no other.

        Only in a check: a setup that could not go on anyway ends with a reference instead (:func:`jobs.advance.advance`).

        Raises:
            CloudError: as for :meth:`jobs.engine.step.Step.inspect`.
        """
        try:
            return await step.inspect(self.ctx)
        except DATA_ERRORS as odd:
            log.exception("an answer that the step cannot read", run=self.ctx.run.id)
            raise MalformedAnswer("answer_unreadable", CloudReply("answer", message=type(odd).__name__)) from odd

    def _stopped(self, step: Step, error: CloudError) -> Finding:
        """What may come right by itself is waited for, in the cloud's own words where it is a role; a dead sign-in ends the walk."""
        if may_be_replication(error, self.ctx.run):
            if error.cause in ROLE_CAUSES:
                return replace(self._later(step, LET_IN, error.cause), evidence=error.evidence())
            return self._later(step)
        if isinstance(error, SignInNeeded):
            raise error
        return finding_from_error(step, error, self.ctx.run)

    async def _retry_while_replicating(self, step: Step, call: Callable[[], Awaitable[T]]) -> T:
        """The call, and again while the directory does not know yet what this run wrote a moment ago; a role takes longer than that."""
        for pause in SETTLE_S:
            try:
                return await call()
            except CloudError as error:
                if error.cause in ROLE_CAUSES or not may_be_replication(error, self.ctx.run):
                    raise
            await self._pause(step, pause)
        return await call()

    async def _pause(self, step: Step, seconds: float) -> None:
        _go_on()
        known = self.ctx.run.findings.get(step.name)
        if seconds >= QUIET_S and (known is None or known.seen != REPLICATION):
            self._found(step, step.waits_for(Turn.TIME, REPLICATION))
        await asyncio.sleep(seconds)

    def _found(self, step: Step, finding: Finding) -> None:
        self._append(Event(Kind.FOUND, now(), step=step.name, finding=finding))

    def _saw(self, step: Step, finding: Finding) -> None:
        """As :meth:`_found`, where nothing is changed: what is seen at the same moment is saved at once."""
        self._seen_now.append(Event(Kind.FOUND, now(), step=step.name, finding=finding))

    def _save_seen(self) -> None:
        if self._seen_now:
            self._append(*self._seen_now)
            self._seen_now.clear()

    def _append(self, *events: Event) -> None:
        if not self.holds():
            raise LeaseLostError
        self.ctx.store.append(self.ctx.run.id, *events)
        self._refresh()
        self.listener.run_changed(self.ctx.run.id)

    def _refresh(self) -> None:
        self.ctx.run = self.ctx.store.refresh(self.ctx.run)


def _go_on() -> None:
    if shutdown.requested():
        raise StoppingError


async def _named(step: Step, work: Callable[[Step], Awaitable[None]]) -> None:
    """The work, with the step's name in every line of the log."""
    with structlog.contextvars.bound_contextvars(step=step.name):
        await work(step)


def has_plan(steps: Mapping[str, Step], ctx: StepContext) -> tuple[Change, ...]:
    """The changes that would make the wrong findings right, in the order of the article."""
    wrong = {name: finding for name, finding in ctx.run.findings.items() if finding.state is State.WRONG}
    return tuple(_told(change, wrong[name]) for name, step in steps.items() if name in wrong for change in step.plan(ctx, wrong[name]))


def _told(change: Change, finding: Finding) -> Change:
    """What could not be looked at is not said to be anything."""
    return replace(change, before=NOT_KNOWN) if finding.seen == NOT_KNOWN else change


def digest(changes: tuple[Change, ...]) -> str:
    """The plan's id: another plan has another, so a press on an old card approves nothing."""
    text = repr([(c.step, c.object, c.before, c.after, c.scope) for c in changes])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _after(step: Step, other: str) -> Finding:
    return step.waits_for(Turn.NOBODY, Text("seen.after", {"step": f"key:step.{other}"}))


def _tells(finding: Finding) -> bool:
    """Whether what was found is enough to look further: it holds, or it is there at all, with its ids, whatever else is or is not known."""
    return finding.state in {State.OK, State.WARNING} or bool(finding.facts)
