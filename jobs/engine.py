"""Walks the graph of steps: looks at every fact at once, and makes the approved ones true, each as soon as it may.

:meth:`Engine.look` inspects and plans, and changes nothing. :meth:`Engine.make` inspects, applies what is approved, and
inspects again until the change is proven; only inspect may call a step done. Both run every step whose needs are met at the
same time. A step that waits for a person or for time stops nothing but the steps that need it. Every event is saved before
the next side effect.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TypeVar

import structlog

from jobs.clock import now
from jobs.listener import Listener
from jobs.microsoft.errors import AlreadyThere, CloudError, SignInNeeded
from jobs.model import Access, Change, Finding, State, Turn, Words
from jobs.run import Event, Kind, Run
from jobs.step import Context, Step
from jobs.trouble import SETTLES_FOR, finding_of, settles

T = TypeVar("T")

SETTLE_S = (0.2, 0.5, 1, 2, 4)
"""Pauses between reads after a write, in seconds, while the worker waits; a directory that needs longer parks the run."""
PARK_S = (8.0, 16, 30, 30, 30, 60)
"""Pauses of a parked run, in seconds; with those above the back-off of facts/microsoft.md section 7."""
TICK_S = 0.5
QUIET_S = 1
NOTHING_YET = Words("seen.nothing_yet")
REPLICATION = Words("seen.replication")


class LeaseLostError(Exception):
    """Another worker has taken the run over; this one must not write any more."""


@dataclass(slots=True)
class Engine:
    """One run, worked on by one worker. ``holds`` says whether this worker still has the lease."""

    ctx: Context
    steps: Mapping[str, Step]
    listener: Listener
    holds: Callable[[], bool]

    async def look(self) -> None:
        """Inspect every automatic step, in the order of their needs, and record the plan that follows.

        Raises:
            SignInNeeded: no cloud can be asked before somebody signs in again.
            LeaseLostError: another worker has the run.
        """
        self.ctx.looking = True
        automatic = {name: step for name, step in self.steps.items() if step.automatic}
        await self._walk(automatic, self._look_at, met=lambda run, name: name in run.findings)
        self.ctx.looking = False
        changes = planned(self.steps, self.ctx)
        self._append(Event(Kind.PLANNED, now(), data={"plan": digest(changes)}, changes=changes))

    async def make(self) -> None:
        """Make true what is approved; return when nothing more can be done before somebody or the clock has moved.

        Raises:
            SignInNeeded: no cloud can be asked before somebody signs in again.
            LeaseLostError: another worker has the run.
        """
        await self._walk(self.steps, self._advance, met=Run.settled)

    async def check(self, allowed: Collection[Access]) -> None:
        """Inspect everything that may be looked at, and change nothing; what may not is skipped, with the reason.

        Raises:
            LeaseLostError: another worker has the run.
        """
        await self._walk(self.steps, lambda step: self._check(step, allowed), met=lambda run, name: name in run.findings)

    async def _walk(self, steps: Mapping[str, Step], work: Callable[[Step], Awaitable[None]], met: Callable[[Run, str], bool]) -> None:
        """Start each step once its needs are met; one that did not settle is tried again when something else has moved."""
        tried: dict[str, object] = {}
        tasks: dict[asyncio.Future[None], str] = {}
        try:
            while True:
                self._refresh()
                for step in self._ready(steps, met, tried, tasks.values()):
                    tried[step.name] = moves(step, self.ctx.run)
                    tasks[asyncio.ensure_future(_named(step, work))] = step.name
                if not tasks:
                    return
                done, _ = await asyncio.wait(tasks, timeout=TICK_S, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    del tasks[task]
                    task.result()
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
            and all(met(run, need) for need in step.needs if need in steps)
            and tried.get(step.name) != moves(step, run)
        ]

    async def _look_at(self, step: Step) -> None:
        if all(self.ctx.run.settled(need) for need in step.needs if need in self.steps):
            self._found(step, await self._inspect(step))
        else:
            self._found(step, step.wrong(NOTHING_YET))

    async def _check(self, step: Step, allowed: Collection[Access]) -> None:
        found = self.ctx.run.findings
        unmet = [need for need in step.needs if need in self.steps and not _tells(found[need])]
        if step.access not in allowed:
            self._found(step, step.skipped(Words("skipped.needs_sign_in")))
        elif unmet:
            self._found(step, step.skipped(Words("skipped.needs_other", {"step": f"key:step.{unmet[0]}"})))
        else:
            self._found(step, await self._seen(step))

    async def _seen(self, step: Step) -> Finding:
        try:
            return await step.inspect(self.ctx)
        except CloudError as error:
            return finding_of(step, error, self.ctx.run)

    async def _advance(self, step: Step) -> None:
        before = self.ctx.run.findings.get(step.name)
        if before is None or before.state is not State.WAITING:
            self._append(Event(Kind.RUNNING, now(), step=step.name))
        finding = await self._inspect(step)
        if finding.state is State.WRONG:
            finding = await self._mend(step, finding)
        if finding != before or step.name in self.ctx.run.running:
            self._found(step, finding)

    async def _mend(self, step: Step, finding: Finding) -> Finding:
        """Make a change that may be made now; otherwise say who or what it waits for."""
        changes = step.plan(self.ctx, finding)
        if not changes and not step.free:
            return finding
        if changes and self._replicating(step):
            return self._later(step)
        return self._not_yet(step, changes) or await self._change(step, finding, changes)

    def _not_yet(self, step: Step, changes: tuple[Change, ...]) -> Finding | None:
        run = self.ctx.run
        open_steps = [name for name in step.after if name in self.steps and not run.settled(name)]
        if open_steps:
            return step.waits_for(Turn.NOBODY, Words("seen.after", {"step": f"key:step.{open_steps[0]}"}))
        if not all(run.approved(change) for change in changes):
            return step.waits_for(Turn.APPROVER, Words("seen.not_approved"))
        if step.asks and not run.answer(step.asks):
            return step.waits_for(Turn.MAILBOX_USER, Words("seen.asked"))
        return None

    async def _change(self, step: Step, finding: Finding, changes: tuple[Change, ...]) -> Finding:
        self._append(Event(Kind.CHANGING, now(), step=step.name, finding=finding, changes=changes))
        try:
            await self._patiently(step, lambda: step.apply(self.ctx, finding))
        except AlreadyThere:
            pass  # somebody, perhaps an earlier try of ours, has made it: inspect decides
        except SignInNeeded:
            raise
        except CloudError as error:
            return step.trouble(self.ctx, error) or self._stopped(step, error)
        self._append(Event(Kind.CHANGED, now(), step=step.name))
        return await self._prove(step)

    async def _prove(self, step: Step) -> Finding:
        """Read back until the change shows; a directory that needs longer parks the run."""
        for pause in SETTLE_S:
            finding = await self._inspect(step)
            if finding.state is not State.WRONG:
                return finding
            await self._pause(step, pause)
        return self._later(step)

    def _replicating(self, step: Step) -> bool:
        """Whether the change was made within the last five minutes, so that a read that does not show it may be stale."""
        made = self.ctx.run.changed.get(step.name)
        return made is not None and made.done is not None and now() - made.done < SETTLES_FOR

    def _later(self, step: Step) -> Finding:
        return step.waits_for(Turn.TIME, REPLICATION, again_s=self.ctx.pause(step.name, PARK_S))

    async def _inspect(self, step: Step) -> Finding:
        try:
            return await self._patiently(step, lambda: step.inspect(self.ctx))
        except SignInNeeded:
            raise
        except CloudError as error:
            return self._stopped(step, error)

    def _stopped(self, step: Step, error: CloudError) -> Finding:
        return self._later(step) if settles(error, self.ctx.run) else finding_of(step, error, self.ctx.run)

    async def _patiently(self, step: Step, call: Callable[[], Awaitable[T]]) -> T:
        """The call, and again while the directory does not know yet what this run wrote a moment ago."""
        for pause in SETTLE_S:
            try:
                return await call()
            except CloudError as error:
                if not settles(error, self.ctx.run):
                    raise
            await self._pause(step, pause)
        return await call()

    async def _pause(self, step: Step, seconds: float) -> None:
        known = self.ctx.run.findings.get(step.name)
        if seconds >= QUIET_S and (known is None or known.seen != REPLICATION):
            self._found(step, step.waits_for(Turn.TIME, REPLICATION))
        await asyncio.sleep(seconds)

    def _found(self, step: Step, finding: Finding) -> None:
        self._append(Event(Kind.FOUND, now(), step=step.name, finding=finding))

    def _append(self, event: Event) -> None:
        if not self.holds():
            raise LeaseLostError
        self.ctx.store.append(self.ctx.run.id, event)
        self._refresh()
        self.listener.changed(self.ctx.run.id)

    def _refresh(self) -> None:
        self.ctx.run = self.ctx.store.newest(self.ctx.run)


async def _named(step: Step, work: Callable[[Step], Awaitable[None]]) -> None:
    """The work, with the step's name in every line of the log."""
    with structlog.contextvars.bound_contextvars(step=step.name):
        await work(step)


def planned(steps: Mapping[str, Step], ctx: Context) -> tuple[Change, ...]:
    """The changes that would make the wrong findings right, in the order of the article."""
    wrong = {name: finding for name, finding in ctx.run.findings.items() if finding.state is State.WRONG}
    return tuple(change for name, step in steps.items() if name in wrong for change in step.plan(ctx, wrong[name]))


def digest(changes: tuple[Change, ...]) -> str:
    """The plan's id: another plan has another, so a press on an old card approves nothing."""
    text = repr([(c.step, c.object, c.before, c.after, c.scope) for c in changes])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def moves(step: Step, run: Run) -> object:
    """What has to change before a step that could not go on is worth another try."""
    settled = tuple(run.settled(name) for name in step.after)
    answered = frozenset((question, answer.at) for question, answer in run.answers.items())
    return settled, answered, frozenset(run.approvals), run.signed_in, run.plan and run.plan.id


def _tells(finding: Finding) -> bool:
    """Whether what was found is enough to look further: it holds, or it is there at all, with its ids, though not as it should be."""
    return finding.state in {State.OK, State.WARNING} or bool(finding.facts and finding.state is State.WRONG)
