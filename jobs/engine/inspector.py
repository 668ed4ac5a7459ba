"""Steps that run concurrently, each once its needs are met, and are inspected for a setup.

A worker that holds the run's lease writes its findings by the recorder; people's answers join them.

Somebody may delete the app or its secret in the portal while the run waits for a person. Without a
look the cards would go on asking for things that lead nowhere. So the first attempt after an answer
reads these objects. A look is a few reads and changes nothing. Nobody is asked to sign in for it.
"""

import asyncio
from asyncio import FIRST_COMPLETED
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import TypeVar

import structlog

from jobs.causes.cause import Cause, known
from jobs.clock import now, paced
from jobs.clouds import errors
from jobs.clouds.errors import CloudError
from jobs.engine.step import Step, StepContext
from jobs.microsoft.scopes import app_may_read
from jobs.model import Access, Finding, Reason, State, Text, Turn, verbatim
from jobs.runs.run import Event, Kind, LeaseLostError, Run
from jobs.runtime import Listener, Shutdown
from jobs.storage import keys
from jobs.storage.locks import LONGEST_PAUSE_S

Work = Callable[[Step], Awaitable[None]]
Met = Callable[[str], bool]
"""Answer whether a step, by its name, needs nothing more."""
TICK_S = 0.5
"""Seconds between two looks that find out whether another step has become ready."""


class StoppingError(LeaseLostError):
    """Error because this process is shutting down; another worker goes on from what is saved."""


@dataclass(slots=True)
class Recorder:
    """Recorder of one run's events, while ``holds()`` says that this worker still has the lease.

    Each write raises LeaseLostError if another worker has the run, and RunEndedError if it has
    ended. A request to shut down raises StoppingError. ``holds`` does not ask Redis; the context's
    store does, in the transaction of each event (:meth:`jobs.runs.run_store.RunStore.held_by`).
    ``seen`` is the run's version without events of others, which a step may not have seen.
    """

    ctx: StepContext
    steps: Mapping[str, Step]
    listener: Listener
    holds: Callable[[], bool]
    shutdown: Shutdown = field(default_factory=Shutdown)
    seen: int = field(init=False)
    _pending: list[Event] = field(init=False, default_factory=list)

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

    async def run_steps(self, steps: Mapping[str, Step], work: Work, met: Met) -> None:
        """Start each step once its needs are met, and again when what it depends on has changed."""
        tried: dict[str, object] = {}
        tasks: dict[asyncio.Future[None], str] = {}
        try:
            while True:
                self.refresh()
                if not (self.shutdown.requested() or self.run.ended):
                    free = [step for name, step in steps.items() if name not in tasks.values()]
                    for step in filter(partial(_is_ready, self.run, steps, met, tried), free):
                        tried[step.name] = retry_key(step, self.run)
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


NOT_INSPECTABLE = frozenset({Reason.NOTHING_YET, Reason.NOT_KNOWN})
NOT_THERE = frozenset({Reason.ABSENT, Reason.NOTHING_YET})
UNSEEN = Finding("", State.UNKNOWN)


def retry_key(step: Step, run: Run) -> object:
    """Return a value that must change before a step that could not continue is tried again."""
    return (
        tuple(map(run.settled, step.after)),
        [run.findings.get(name, UNSEEN).waiting_for is Turn.NOBODY for name in step.after],
        frozenset((question, answer.at) for question, answer in run.answers.items()),
        frozenset(run.approvals),
        run.signed_in,
        run.plan and run.plan.id,
        step.name in run.demanded,
    )


def why_not_inspectable(step: Step, run: Run, steps: Collection[str]) -> Reason | None:
    """Return why a step cannot be inspected for a plan, or None if it can.

    It can be inspected if its needs hold, or exist with the facts that lead further. A part of a
    missing object is missing too, but that is never said of something that is only unknown.
    """
    needs = (name for name in step.needs if name in steps and not run.settled(name))
    unmet = [found for name in needs if not (found := run.findings.get(name, UNSEEN)).facts]
    if not unmet:
        return None
    if any(found.state is State.WRONG and found.reason in NOT_THERE for found in unmet):
        return None if step.inspect_unmet else Reason.NOTHING_YET
    return Reason.NOT_KNOWN


def is_due(finding: Finding) -> bool:
    return finding.until is not None and finding.until <= now()


def required_access(step: Step, access: Access) -> Access | None:
    """Return the access with which a check that has ``access`` reads the step, or None."""
    if step.diagnosis.access is Access.NONE:
        return Access.NONE
    enough = access is Access.ADMIN or (access is Access.APP and app_may_read(step.reads))
    return access if enough else None


def _is_ready(
    run: Run, steps: Mapping[str, Step], met: Met, tried: Mapping[str, object], step: Step
) -> bool:
    """Return whether the step's needs are met, and it was not tried since it could go on last.

    A step that waits for time is not tried twice: its try may have seen a later change. A cloud
    that did not answer is not asked before its time, even if the run wakes for another step.
    """
    if met(step.name) or not all(map(met, filter(steps.__contains__, step.needs))):
        return False
    found = run.findings.get(step.name)
    if found and found.waiting_for is Turn.TIME and not is_due(found):
        return step.name not in tried and found.state is not State.UNKNOWN
    return tried.get(step.name) != retry_key(step, run)


AGAIN_S = (5, 15, 30, 60, 120, 300, 600)
"""Pauses between retries of a step without an answer, in seconds; then a person is asked."""
SETTLES_FOR = timedelta(minutes=5)
"""Time after a write in which a read may not show it yet."""
ERRORS_SETTLE_FOR = timedelta(seconds=120)
"""Time after a write in which an error may result from that write (checklist.toml J7)."""
ROLE_CAUSES = {
    Cause.DIRECTORY_ROLE_MISSING,
    Cause.EXCHANGE_CONSENT_MISSING,
    Cause.EXCHANGE_ROLE_MISSING,
    Cause.NOT_ALLOWED,
}
"""Causes that a new role or consent has until it is everywhere (platforms/microsoft.md 3.5, 7)."""
GO_WITH_SIGN_IN = frozenset({Reason.NEEDS_SIGN_IN, Reason.NOT_BY_ITSELF, Reason.NOT_AT_EXCHANGE})
"""Reasons for skipping a step that no longer apply after a sign-in."""


def needs_sign_in(finding: Finding) -> bool:
    return finding.state is State.SKIPPED and finding.reason in GO_WITH_SIGN_IN


def lacks_role(run: Run) -> bool:
    """Return whether the signed-in user lacks a role or consent that another may have."""
    unread = (each for each in run.findings.values() if each.state is State.UNKNOWN)
    return any(each.cause in ROLE_CAUSES and not each.until for each in unread)


def finding_from_error(step: Step, error: CloudError, run: Run) -> Finding:
    """Return the finding for a step that could not be inspected or changed.

    A temporary error is retried some times, never earlier than the cloud asked for, up to an hour.
    Without a connection (DNS, a certificate) it is retried until there is one: nobody in the tenant
    can act. For all other errors the administrator must act, or the bot's operator.
    """
    waited = run.waits.get(step.name, 0)
    passing = isinstance(error, errors.Transient | errors.MalformedAnswer)
    again = passing and (waited < len(AGAIN_S) or error.cause in errors.UNCONNECTED)
    acts = Turn.OPERATOR if known(error.cause).acts is Turn.OPERATOR else Turn.ADMINISTRATOR
    asked_s = min(error.retry_after or 0, LONGEST_PAUSE_S)
    pause = max(AGAIN_S[min(waited, len(AGAIN_S) - 1)], asked_s)
    own = error.message or error.code
    seen = verbatim(own) if own else Text(f"cause.{error.cause}")
    if error.cause == Cause.ANSWER_UNREADABLE:  # whose message is our own, for the evidence
        kind = "web_page" if "html" in own else "unreadable"
        seen = Text(f"seen.{kind}", {"service": f"key:evidence.{error.service}"})
    return Finding(
        step.name,
        State.UNKNOWN,
        seen=seen,
        cause=error.cause,
        evidence=error.evidence(),
        waiting_for=Turn.TIME if again else acts,
        until=now() + timedelta(seconds=pause) if again else None,
    )


def finding_in_check(step: Step, error: CloudError, run: Run, access: Access | None) -> Finding:
    """Return the finding; what the bot itself may not read says nothing about the channel."""
    if access is not Access.APP or not isinstance(error, errors.Forbidden | errors.SignInNeeded):
        return finding_from_error(step, error, run)
    if error.cause == Cause.APP_ACCESS_WITHDRAWN:
        return step.skipped(Reason.NEEDS_SIGN_IN)
    why = Reason.NOT_AT_EXCHANGE if error.service == "exchange" else Reason.NOT_BY_ITSELF
    return replace(step.skipped(why), evidence=error.evidence())


def may_be_replication(error: CloudError, run: Run, step: Step | None = None) -> bool:
    """Return whether the error may result from a recent change that has not been replicated yet.

    A missing role or consent may, for two minutes after a sign-in, which may have granted it, or a
    change of this run. Any other error may for the same time after a write of this run, answered
    or not; for five minutes if the directory itself reports a delay. Exchange replicates only an
    object that ``step`` has just made with a New- cmdlet (measured: a 404 for minutes).
    """
    if not error.can_be_replication:
        return False
    if error.cause in ROLE_CAUSES:
        moments = filter(None, (run.signed_in, *(change.done for change in run.changed.values())))
        return any(now() - moment < ERRORS_SETTLE_FOR for moment in moments)
    if error.service == "exchange":
        made = run.changed.get(step.name) if step and step.replicates else None
        just_made = made is not None and now() - made.written < SETTLES_FOR
        return just_made and isinstance(error, errors.NotFound)
    delayed = isinstance(error, errors.NotReplicatedYet)
    return wrote_within(run, SETTLES_FOR if delayed else ERRORS_SETTLE_FOR)


def wrote_within(run: Run, time: timedelta) -> bool:
    return any(now() - change.written < time for change in run.changed.values())


LOST_AGAIN_S = 300.0
"""Seconds until the bot looks again at a lost fact, unless somebody presses Look again."""
DELETED_AGAIN_S = (*(LOST_AGAIN_S,) * 12, 1800.0)
"""Pauses between two looks at an object that was found to be deleted, in seconds."""
SETTLED_S = 60.0
"""Age in seconds from which a new object is looked at."""
TWICE_S = 5.0
MARK_S = 2 * 24 * 3600
"""Seconds for which the newest answer before a look is remembered."""
HOLDS = frozenset({State.OK, State.WARNING})
DELETED = frozenset({Cause.APP_DELETED_MEANWHILE, Cause.SECRET_DELETED_MEANWHILE})
log = structlog.get_logger(__name__)


def is_deleted(run: Run) -> bool:
    found = run.findings.get("application")
    return found is not None and found.cause in DELETED


def still_deleted(ctx: StepContext, step: Step) -> Finding | None:
    """Return the finding of a deleted object that is not to be made again, or None.

    The object is looked at again by itself, since an app can be restored. It is made again if
    somebody has asked for it since, and if nothing outside has its ids: after the token was saved,
    Webex Connect has the client ID of the deleted app.
    """
    before = ctx.run.findings.get(step.name)
    if before is None or before.cause not in DELETED:
        return None
    answers = ("look_again", step.repeat_on)
    wanted_again = any(ctx.run.answered_since(step.name, name) for name in answers)
    given_out = bool(ctx.run.answer("token_saved")) or ctx.run.settled("token")
    if wanted_again and not (given_out and step.name == "application"):
        return None
    return replace(before, until=now() + timedelta(seconds=ctx.pause(step.name, DELETED_AGAIN_S)))


def lost(finding: Finding, before: Finding | None) -> Finding:
    """Return that an administrator must act on a fact that has ceased to hold."""
    return replace(
        finding,
        state=State.WAITING,
        waiting_for=Turn.ADMINISTRATOR,
        until=now() + timedelta(seconds=LOST_AGAIN_S),
        facts={**(before.facts if before else {}), **finding.facts},
    )


def waits_for_step(step: Step, other: str) -> Finding:
    return step.waits_for(Turn.NOBODY, Text("seen.after", {"step": f"key:step.{other}"}))


def _is_watched(run: Run, step: Step) -> bool:
    if not step.deleted_cause or run.state_of(step.name) not in HOLDS:
        return False
    done = run.changed[step.name].done if run.change_applied(step.name) else None
    return done is not None and done <= now() - timedelta(seconds=SETTLED_S)


T = TypeVar("T")
SETTLE_S = (0.2, 0.5, 1, 2, 4)
"""Pauses between reads after a write, in seconds, before the run is parked."""
PARK_S = (8.0, 16, 30, 30, 30, 60)
"""Pauses of a parked run, in seconds, after ``SETTLE_S`` (platforms/microsoft.md 7)."""
SHOWN_AFTER_S = 1
"""A pause of this many seconds or more is shown on the card."""


@dataclass(slots=True)
class Inspector(Recorder):
    """Inspector of one run's steps, which allows for replication in Microsoft's directory."""

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
                passing = may_be_replication(error, self.run, step)
                if error.cause in ROLE_CAUSES or not passing:
                    raise
            await self._pause(step, pause)
        return await call(self.ctx, *found)

    def finding_from(self, step: Step, error: CloudError) -> Finding:
        """Turn an error into a finding, which waits if replication may be the cause."""
        if may_be_replication(error, self.run, step):
            waits = self.wait_for_replication(step)
            if error.cause not in ROLE_CAUSES:
                return waits
            seen, evidence = Text("seen.let_in"), error.evidence()
            return replace(waits, seen=seen, reason=None, cause=error.cause, evidence=evidence)
        if isinstance(error, errors.SignInNeeded):
            raise error
        return finding_from_error(step, error, self.run)

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

        There is one look after each answer, and each check. An object that was just made is left
        out. A missing one is read twice: Microsoft may answer from a copy without it.
        """
        run, redis = self.run, self.ctx.store.redis
        times = [answer.at for answer in (*run.answers.values(), run.looked) if answer]
        newest = max(filter(None, (*times, run.signed_in)), default="")
        mark, answered = keys.run_mark(run.id, "look"), str(newest).encode()
        made = [step for step in self.steps.values() if _is_watched(run, step)]
        if not made or redis.get(mark) == answered:
            return
        for step in made:
            try:
                if (finding := await self._read_twice(step)) is None:
                    continue
            except CloudError as error:
                log.info("not looked at", run=run.id, step=step.name, why=str(error))
                return
            log.warning("deleted in the meantime", run=run.id, step=step.name)
            self._record_deleted(step, finding)
            break
        redis.set(mark, answered, ex=MARK_S)

    async def _read_twice(self, step: Step) -> Finding | None:
        for pause in (TWICE_S, 0):
            finding = await step.inspect(self.ctx)
            if finding.state is not State.WRONG or finding.reason is not Reason.ABSENT:
                return None
            await asyncio.sleep(pause)
        return finding

    def _record_deleted(self, step: Step, finding: Finding) -> None:
        found, waiting = self.run.findings, {step.name}
        self.queue(step, replace(lost(finding, found[step.name]), cause=step.deleted_cause))
        for name, other in self.steps.items():
            if name not in found or waiting.isdisjoint(other.needs):
                continue
            if other.automatic:
                waiting.add(name)
                waits = waits_for_step(other, step.name)
                self.queue(other, replace(waits, facts=found[name].facts))
            elif other.group == "entra":  # a consent goes with its app, the form stays filled in
                self.queue(other, other.wrong(Reason.NOTHING_YET))
        self.flush()
