"""Engine of a run: makes a plan, applies it, or checks a channel.

All three run every step whose needs are met at the same time. A step that waits for a person or for
time stops only the steps that need it. Every event is saved before the next side effect.
"""

import asyncio
import hashlib
from asyncio import FIRST_COMPLETED
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

import structlog

from jobs.causes.cause import Cause
from jobs.clock import now, paced
from jobs.clouds import calls
from jobs.clouds.errors import AlreadyExists, CloudError, SignInNeeded, unreadable
from jobs.engine import findings
from jobs.engine.step import Step, StepContext
from jobs.model import Access, Change, Finding, Reason, State, Text, Turn
from jobs.runs import trust
from jobs.runs.run import AttemptOverError, Event, Kind, LeaseLostError, Run, identity
from jobs.runtime import Listener, Shutdown
from jobs.storage import keys

log = structlog.get_logger(__name__)

IN_FLIGHT_S = 3.0
"""Seconds in which a call may still arrive at a cloud after the worker that made it was killed."""
REAPPROVAL_NOTE = Text("note.anew")
MAX_UNSEEN_CHANGES = 3
"""Number of changes without an effect after which a person has to act; each has five minutes."""
STALE_S = 1.0
"""Seconds before a check repeats a read, because the directory may lag (microsoft.md 7)."""
DATA_ERRORS = (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError)
"""Errors of code that meets a missing value, a value of another type, or a date out of range."""


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
    addresses = (run.channel.mailbox, *run.channel.addresses.values())
    lines = [(c.step, c.object, c.before, c.after, c.scope, c.note) for c in changes]
    text = repr((addresses, identity(run.account), lines))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


Work = Callable[[Step], Awaitable[None]]
TICK_S = 0.5
"""Seconds between two looks that find out whether another step has become ready."""
T = TypeVar("T")
SETTLE_S = (0.2, 0.5, 1, 2, 4)
"""Pauses between reads after a write, in seconds, before the run is parked."""
PARK_S = (8.0, 16, 30, 30, 30, 60)
"""Pauses of a parked run, in seconds, after ``SETTLE_S`` (platforms/microsoft.md 7)."""
SHOWN_AFTER_S = 1
"""A pause of this many seconds or more is shown on the card."""
TWICE_S = 5.0
MARK_S = 2 * 24 * 3600
"""Seconds for which the newest answer before a look is remembered."""


class StoppingError(LeaseLostError):
    """Error because this process is shutting down; another worker goes on from what is saved."""


@dataclass(slots=True)
class Engine:
    """Work of one worker on one run; only a later inspection may call a step done.

    Each write raises LeaseLostError if another worker has the run, and RunEndedError if it has
    ended. A request to shut down raises StoppingError. ``holds`` says whether this worker still has
    the lease, and does not ask Redis; the context's store does, in the transaction of each event
    (:meth:`jobs.runs.run_store.RunStore.held_by`). ``seen`` is the run's version without events of
    others, which a step may not have seen.
    """

    ctx: StepContext
    steps: Mapping[str, Step]
    listener: Listener
    holds: Callable[[], bool]
    shutdown: Shutdown = field(default_factory=Shutdown)
    seen: int = field(init=False)
    _pending: list[Event] = field(init=False, default_factory=list)
    _begun: set[str] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self.seen = self.ctx.run.version

    @property
    def run(self) -> Run:
        return self.ctx.run

    def append(self, *events: Event) -> None:
        """Save the events together, read the run again and notify the listener."""
        if not self.holds():
            raise LeaseLostError
        self.ctx.store.append(self.run.id, *events)
        self.seen += len(events)
        self.refresh()
        self.listener(self.run.id)

    def found(self, step: Step, finding: Finding) -> None:
        self.append(Event(Kind.FOUND, now(), step=step.name, finding=finding))

    def queue(self, step: Step, finding: Finding) -> None:
        """Keep a finding for the next :meth:`flush`: those of one moment become one write."""
        self._pending.append(Event(Kind.FOUND, now(), step=step.name, finding=finding))

    def flush(self) -> None:
        if self._pending:
            self.append(*self._pending)
            self._pending.clear()

    def refresh(self) -> None:
        """Read the events that were added since the last read, by this worker or anybody else."""
        self.ctx.run = self.ctx.store.refresh(self.run)

    def stop_if_requested(self) -> None:
        if self.shutdown.requested():
            raise StoppingError

    async def run_steps(self, steps: Mapping[str, Step], work: Work, met: findings.Met) -> None:
        """Start each step once its needs are met, and again when what it depends on has changed."""
        tried: dict[str, object] = {}
        tasks: dict[asyncio.Future[None], str] = {}
        try:
            while True:
                self.refresh()
                if not (self.shutdown.requested() or self.run.ended):
                    free = [step for name, step in steps.items() if name not in tasks.values()]
                    ready = partial(findings.is_ready, self.run, steps, met, tried)
                    for step in filter(ready, free):
                        tried[step.name] = findings.retry_key(step, self.run)
                        with structlog.contextvars.bound_contextvars(step=step.name):
                            tasks[asyncio.ensure_future(work(step))] = step.name
                if not tasks:
                    self.stop_if_requested()
                    return
                done, _ = await asyncio.wait(tasks, timeout=TICK_S, return_when=FIRST_COMPLETED)
                for task in done:
                    del tasks[task]
                    if not isinstance(task.exception(), StoppingError):  # other steps end first
                        task.result()
                self.flush()
        finally:
            for task in tasks:
                task.cancel()

    async def inspect(self, step: Step) -> Finding:
        """Return the finding of ``step``, or a finding with the reason why it could not be read."""
        try:
            return await self.retry_while_replicating(step, step.inspect)
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

    async def retry_while_replicating(
        self, step: Step, call: Callable[..., Awaitable[T]], *found: Finding
    ) -> T:
        """Repeat ``call`` while a write of ours may not be known; a new role takes longer."""
        for pause in SETTLE_S:
            try:
                return await call(self.ctx, *found)
            except CloudError as error:
                passing = findings.may_be_replication(error, self.run, step)
                if error.cause in findings.ROLE_CAUSES or not passing:
                    raise
            await self._pause(step, pause)
        return await call(self.ctx, *found)

    def finding_from(self, step: Step, error: CloudError) -> Finding:
        """Turn an error into a finding, which waits if replication may be the cause."""
        if findings.may_be_replication(error, self.run, step):
            waits = self.wait_for_replication(step)
            if error.cause not in findings.ROLE_CAUSES:
                return waits
            seen, evidence = Text("seen.let_in"), error.evidence()
            return replace(waits, seen=seen, reason=None, cause=error.cause, evidence=evidence)
        if isinstance(error, SignInNeeded):
            raise error
        return findings.finding_from_error(step, error, self.run)

    def wait_for_replication(self, step: Step) -> Finding:
        """Return a waiting finding that is due again after the next pause of a parked run."""
        again = self.ctx.pause(step.name, PARK_S)
        return step.waits_for(Turn.TIME, Reason.REPLICATION, again_s=again)

    async def _pause(self, step: Step, seconds: float) -> None:
        self.stop_if_requested()
        known = self.run.findings.get(step.name)
        if seconds >= SHOWN_AFTER_S and (known is None or known.reason is not Reason.REPLICATION):
            self.found(step, step.waits_for(Turn.TIME, Reason.REPLICATION))
        await asyncio.sleep(paced(seconds))

    async def look_at_made(self) -> None:
        """Inspect each object, and record the first that is gone and all that depends on it.

        Somebody may delete the app or its secret in the portal while the run waits for a person,
        and the cards would go on asking for things that lead nowhere. So there is one look after
        each answer, and each check: a few reads, for which nobody is asked to sign in. An object
        that was just made is left out.
        """
        run, redis = self.run, self.ctx.store.redis
        times = [answer.at for answer in (*run.answers.values(), run.looked) if answer]
        newest = max(filter(None, (*times, run.signed_in)), default="")
        mark, answered = keys.run_mark(run.id, "look"), str(newest).encode()
        made = [step for step in self.steps.values() if findings.is_watched(run, step)]
        if not made or redis.get(mark) == answered:
            return
        for step in made:
            try:
                finding = await self._read_twice(partial(step.inspect, self.ctx))
            except CloudError as error:
                log.info("not looked at", run=run.id, step=step.name, why=str(error))
                return
            if finding.state is not State.WRONG or finding.reason is not Reason.ABSENT:
                continue
            log.warning("deleted in the meantime", run=run.id, step=step.name)
            self._record_deleted(step, finding)
            break
        redis.set(mark, answered, ex=MARK_S)

    async def _read_twice(self, inspect: Callable[[], Awaitable[Finding]]) -> Finding:
        if (seen := await inspect()).state is State.WRONG:
            await asyncio.sleep(TWICE_S)  # Microsoft may answer from an old copy
            seen = await inspect()
        return seen

    def _record_deleted(self, step: Step, finding: Finding) -> None:
        found, waiting = self.run.findings, {step.name}
        gone = findings.lost(finding, found[step.name])
        self.queue(step, replace(gone, cause=step.deleted_cause))
        for name, other in self.steps.items():
            if name not in found or waiting.isdisjoint(other.needs):
                continue
            if other.automatic:
                waiting.add(name)
                waits = findings.waits_for_step(other, step.name)
                self.queue(other, replace(waits, facts=found[name].facts))
            elif other.group == "entra":  # a consent goes with its app, the form stays filled in
                self.queue(other, other.wrong(Reason.NOTHING_YET))
        self.flush()

    async def make_plan(self) -> None:
        """Inspect the automatic steps in the order of their needs, then record the plan.

        A second call inspects only what is due again or could not be read, and what needs that.
        """
        automatic = {name: step for name, step in self.steps.items() if step.automatic}
        run, found = self.run, self.run.findings
        again = {name for name in found if findings.is_due(found[name]) or run.is_to_reread(name)}
        again |= {name for name in found if found[name].reason in findings.NOT_INSPECTABLE}

        async def inspect(step: Step) -> None:
            why = findings.why_not_inspectable(step, self.run, self.steps)
            self.queue(step, step.wrong(why) if why else await self.inspect(step))
            again.discard(step.name)

        def known(name: str) -> bool:
            return name in self.run.findings and name not in again

        self.ctx.looking = True
        await self.run_steps(automatic, inspect, known)
        self.ctx.looking = False
        changes = planned_changes(self.steps, self.ctx)
        data = {"plan": digest(changes, self.run)}
        self.append(Event(Kind.PLANNED, now(), data=data, changes=changes))

    async def apply_plan(self) -> None:
        """Apply what is approved, until the rest waits; a look that was asked for comes first."""

        def met(name: str) -> bool:
            again = self.steps[name].automatic and self.run.is_to_reread(name)
            return self.run.settled(name) and not again

        await self.run_steps(self.steps, self._look_and_change, met)

    async def _look_and_change(self, step: Step) -> None:
        before = self.run.findings.get(step.name)
        if self.run.state_of(step.name) is not State.WAITING:
            self.append(Event(Kind.RUNNING, now(), step=step.name))
        made = self.run.changed.get(step.name)
        if made is not None and made.done is None and step.name not in self._begun:
            # a call of a killed worker, which would overwrite later writes, may be on its way
            age = (now() - made.begun).total_seconds()
            await asyncio.sleep(min(max(IN_FLIGHT_S - age, 0), IN_FLIGHT_S))
        finding = await self.inspect(step)
        if other := await self._changed_since(step, finding):
            finding = findings.waits_for_step(step, other)
        elif finding.state is State.WRONG:
            finding = self._why_not_now(step, finding) or await self._change(step, finding)
        finding = await self._or_lost(step, finding)
        answered = self.run.answered_since(step.name, step.returns_with)
        if finding != before or answered or step.name in self.run.running:
            self.found(step, finding)

    async def _changed_since(self, step: Step, finding: Finding) -> str:
        """Return the first fact on the mail's way that is lost, or ""; it is changed or planned.

        An object that was deleted is not made again: Webex Connect has the ids of the old one.
        """
        passed = step.passes if finding.state in {State.WRONG, State.WAITING} else ()
        for other in (self.steps[name] for name in passed if self.run.settled(name)):
            seen = await self._read_twice(partial(self.inspect, other))
            if seen.state is not State.WRONG:
                continue
            if other.deleted_cause and seen.reason is Reason.ABSENT:
                self._record_deleted(other, seen)
            else:
                self.found(other, self._why_not_now(other, seen) or await self._change(other, seen))
            return other.name
        return ""

    async def _or_lost(self, step: Step, finding: Finding) -> Finding:
        """Return the finding, or that of an earlier step that has ceased to hold and explains it.

        A license that was removed after the plan makes Exchange answer "not found", and makes the
        mail server refuse the token. Waiting fixes neither error.
        """
        if step.doubted_by and finding.state is State.WRONG:
            return findings.lost(finding, self.run.findings.get(step.name))
        for other in self.steps.values():
            if finding.cause in other.doubted_by and self.run.settled(other.name):
                seen = await self.inspect(other)
                if seen.state is State.WRONG:
                    lost = findings.lost(seen, self.run.findings.get(other.name))
                    self.found(other, lost)
                    return replace(lost, step=step.name, facts={}, evidence=finding.evidence)
        return finding

    def _why_not_now(self, step: Step, finding: Finding) -> Finding | None:
        """Return a finding about the change's wait, or None if it may be made now.

        A plan may show a step's own lines together with lines that another step applies later. All
        of them must be approved; only the step's own are applied here.
        """
        if deleted := findings.still_deleted(self.ctx, step):
            return deleted
        changes = step.plan(self.ctx, finding)
        if not changes and not step.unapproved:
            return finding
        if changes and (found := self._finding_after_change(step)):
            return found
        before = (each for each in step.after if each in self.steps and not self.run.settled(each))
        if other := next(before, ""):
            return findings.waits_for_step(step, other)
        return self._blocker(step, changes)

    def _finding_after_change(self, step: Step) -> Finding | None:
        """Return a finding if the change may still show or never will, or None to make it."""
        run = self.run
        made, repeat = run.changed.get(step.name), run.answers.get(step.repeat_on)
        if made is None:
            return None
        settling = made.done is not None and abs(now() - made.done) < findings.SETTLES_FOR
        repeated = repeat is not None and made.done is not None and repeat.at > made.done
        if settling and not repeated:
            return self.wait_for_replication(step)
        if made.unseen < MAX_UNSEEN_CHANGES:
            return None
        seen, cause = Text("seen.never_shown"), Cause.CHANGE_NEVER_SHOWN
        return replace(step.waits_for(Turn.ADMINISTRATOR, seen, cause=cause), state=State.UNKNOWN)

    def _blocker(self, step: Step, changes: tuple[Change, ...]) -> Finding | None:
        run = self.run
        asked = step.waits_for(Turn.MAILBOX_USER, Text("seen.asked"))
        unanswered = step.required_answer != "" and not run.answer(step.required_answer)
        if unanswered and not (run.plan and all(map(run.plan.shows, changes))):
            return asked
        # an approval is for making a change once, unless a person asks for it again
        undone = step.name in run.spent and not (step.repeat_on or step.deleted_cause)
        if undone or not all(map(run.approved, changes)):
            self._replan(step, changes, undone=undone)
            return step.waits_for(Turn.APPROVER, Text("seen.not_approved"))
        trust.require_audited(self.ctx.store, run)
        return asked if unanswered else None

    def _replan(self, step: Step, changes: tuple[Change, ...], *, undone: bool) -> None:
        """Show lines that differ from the approved ones, or were undone, for another approval."""
        plan = self.run.plan
        if plan is None or (not undone and all(map(plan.shows, changes))):
            return
        why = Text("note.undone") if undone else REAPPROVAL_NOTE
        notes = ((line, line.note or why) for line in changes)
        lines = tuple(replace(line, note=note, warning=True) for line, note in notes)
        data = {"plan": digest(plan.with_lines(lines), self.run)}
        self.append(Event(Kind.DIFFERS, now(), step=step.name, data=data, changes=lines))

    async def _change(self, step: Step, finding: Finding) -> Finding:
        self.stop_if_requested()
        # the step's own lines are recorded first, so that the next worker knows of a call
        self._begun.add(step.name)
        own = tuple(line for line in step.plan(self.ctx, finding) if line.step == step.name)
        self.append(Event(Kind.CHANGING, now(), step=step.name, finding=finding, changes=own))
        refused, made = None, list[str]()
        try:
            calls.check_guard()
            try:
                # what somebody else or an earlier try has made is for inspect to judge
                with suppress(AlreadyExists), calls.collect() as made:
                    await self.retry_while_replicating(step, step.apply, finding)
            except CloudError as error:
                calls.check_guard()  # a worker that was stopped for long knows nothing of its call
                refused = error
            if refused is None:
                data = {"calls": "; ".join(made)} if made else {}
                self.append(Event(Kind.CHANGED, now(), step=step.name, data=data))
        except (AttemptOverError, asyncio.CancelledError) as over:
            if isinstance(over, AttemptOverError) or _is_over():
                ctx = self.ctx
                log.warning("the run was lost during a change", step=step.name, calls=list(made))
                if made:  # the next worker looks before it changes
                    data = {"calls": "; ".join(made)}
                    ctx.store.attest("changed_late", ctx.run.id, step=step.name, data=data)
            raise
        return self._refused(step, refused, made) if refused else await self.verify(step)

    def _refused(self, step: Step, error: CloudError, made: Sequence[str]) -> Finding:
        ctx = self.ctx
        data = {"cause": error.cause, "calls": "; ".join(made)}
        ctx.store.attest("not_changed", ctx.run.id, step=step.name, data=data)
        return (
            self._require_other_step(step, error)
            or step.explain_error(ctx, error)
            or self.finding_from(step, error)
        )

    def _require_other_step(self, step: Step, error: CloudError) -> Finding | None:
        """Add another step's change, which the cloud requires first, for an approval of its own."""
        run, other = self.run, self.steps.get(step.prerequisites.get(error.cause, ""))
        if other is None or run.change_applied(other.name):
            return None
        shown = other.name in run.planned_steps
        lines = () if shown else other.plan(self.ctx, other.wrong(Reason.DEMANDED))
        data = {"plan": digest((*run.plan_lines, *lines), run)}
        self.append(Event(Kind.DEMANDED, now(), step=other.name, data=data, changes=lines))
        return findings.waits_for_step(step, other.name)

    async def check(self) -> None:
        """Inspect all that may be read, until more access comes; skip the rest with the reason."""
        known, access = self.ctx.store.accepted(self.ctx.channel.mailbox), self.ctx.access
        allowed = self.run.allowed
        for step in self.steps.values():
            unread = step.name not in self.run.findings
            if unread and findings.required_access(step, access) is None:
                self.queue(step, step.skipped(Reason.NEEDS_SIGN_IN))
        self.flush()  # one write: single ones would delay the first real finding

        async def check(step: Step) -> None:
            found = await self._checked(step, findings.required_access(step, access))
            accepted = known.get(found.cause)
            self.refresh()
            if self.run.allowed == allowed:
                self.queue(step, accepted.as_note(found) if accepted else found)

        def met(name: str) -> bool:
            return name in self.run.findings or self.run.allowed != allowed

        with calls.watch_silence() as watch:
            teller = asyncio.ensure_future(self._tell(watch))
            try:
                await self.run_steps(self.steps, check, met)
            finally:
                teller.cancel()
                with suppress(asyncio.CancelledError, AttemptOverError):
                    await teller

    async def _tell(self, watch: calls.SilenceWatch) -> None:
        """Save which clouds give no answer so far, except in a check of many channels."""
        told: tuple[str, ...] = ()
        while not self.ctx.many:
            await asyncio.sleep(TICK_S)
            silent = watch.silent()
            if silent != told:
                told = silent
                self.append(Event(Kind.SILENT, now(), data={"services": " ".join(silent)}))

    async def _checked(self, step: Step, access: Access | None) -> Finding:
        found = self.run.findings
        for need in filter(self.steps.__contains__, step.needs):
            if found[need].state not in findings.HOLDS and not found[need].facts:
                words = Reason.NEEDS_OTHER.text(step=f"key:step.{need}")
                return replace(step.skipped(Reason.NEEDS_OTHER), seen=words)
        finding = await self._read(step, access)
        if finding.state is State.WRONG and self._may_be_stale(step):
            await asyncio.sleep(paced(STALE_S))
            finding = await self._read(step, access)
        return replace(step.diagnosis.as_check_result(finding), access=access)

    def _may_be_stale(self, step: Step) -> bool:
        """Return whether the channel's newest change may not show; never for many channels."""
        if self.ctx.many or not (step.group == "entra" or step.replicates):
            return False
        runs = self.ctx.store.runs_of_mailbox(self.ctx.channel.mailbox)
        return any(findings.wrote_within(run, findings.SETTLES_FOR) for run in runs)

    async def _read(self, step: Step, access: Access | None) -> Finding:
        """Return the step's finding.

        An answer of another shape than documented becomes an error of this step only. In a setup
        such an answer ends the run with a reference instead (:func:`jobs.advance.advance`).
        """
        try:
            return await step.inspect(self.ctx)
        except DATA_ERRORS as odd:
            log.exception("an answer that the step cannot read", run=self.run.id)
            error = unreadable("answer", type(odd).__name__)
            return findings.finding_from_error(step, error, self.run)
        except CloudError as error:
            return findings.finding_in_check(step, error, self.run, access)


def _is_over() -> bool:
    """Return whether this worker may change nothing more; the other steps have ended too."""
    try:
        calls.check_guard()
    except AttemptOverError:
        return True
    return False
