"""Inspector of the steps of a setup, and the meaning of a cloud's error for a step.

Somebody may delete the app or its secret in the portal while the run waits for a person. Without a
look the cards would go on asking for things that lead nowhere. So the first attempt after an answer
reads these objects. A look is a few reads and changes nothing. Nobody is asked to sign in for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

import structlog

from jobs.causes.cause import Cause
from jobs.clock import now, paced
from jobs.clouds.errors import (
    UNCONNECTED,
    CloudError,
    MalformedAnswer,
    NotFound,
    NotReplicatedYet,
    SignInNeeded,
    Transient,
)
from jobs.engine.context import StepContext
from jobs.engine.graph import Recorder
from jobs.engine.step import Step
from jobs.model import Finding, Reason, State, Text, Turn, verbatim
from jobs.runs.run import Run
from jobs.storage import keys
from jobs.storage.due_queue import LONGEST_PAUSE_S

AGAIN_S = (5, 15, 30, 60, 120, 300, 600)
"""Pauses between retries of a step without an answer, in seconds; then a person is asked."""
SETTLES_FOR = timedelta(minutes=5)
"""Time after a write in which a read may not show it yet."""
ERRORS_SETTLE_FOR = timedelta(seconds=120)
"""Time after a write in which an error may result from that write (checklist.toml J7).

After that time the error is real. Errors that the directory itself reports as replication may last
longer.
"""
ROLE_CAUSES = frozenset(
    {
        Cause.DIRECTORY_ROLE_MISSING,
        Cause.EXCHANGE_CONSENT_MISSING,
        Cause.EXCHANGE_ROLE_MISSING,
        Cause.NOT_ALLOWED,
    }
)
"""Causes that a new role or consent has until it is everywhere (platforms/microsoft.md 3.5, 7)."""
GO_WITH_SIGN_IN = frozenset({Reason.NEEDS_SIGN_IN, Reason.NOT_BY_ITSELF, Reason.NOT_AT_EXCHANGE})
"""Reasons for skipping a step that no longer apply after a sign-in."""


def needs_sign_in(finding: Finding) -> bool:
    return finding.state is State.SKIPPED and finding.reason in GO_WITH_SIGN_IN


def lacks_role(run: Run) -> bool:
    """Return whether the signed-in user lacks a role or consent that another may have."""
    return any(
        f.state is State.UNKNOWN and f.cause in ROLE_CAUSES and not f.until
        for f in run.findings.values()
    )


def finding_from_error(step: Step, error: CloudError, run: Run) -> Finding:
    """Return the finding for a step that could not be inspected or changed.

    A temporary error is retried some times, and never earlier than the cloud asked for, up to an
    hour. Without a connection (DNS, a certificate) it is retried until there is one: nobody in the
    tenant can act. For all other errors the administrator must act.
    """
    waited = run.waits.get(step.name, 0)
    passing = isinstance(error, Transient | MalformedAnswer)
    again = passing and (waited < len(AGAIN_S) or error.cause in UNCONNECTED)
    pause = max(
        AGAIN_S[min(waited, len(AGAIN_S) - 1)], min(error.retry_after or 0, LONGEST_PAUSE_S)
    )
    own = error.message or error.code
    return Finding(
        step.name,
        State.UNKNOWN,
        seen=verbatim(own) if own else Text(f"cause.{error.cause}"),
        cause=error.cause,
        evidence=error.evidence(),
        waiting_for=Turn.TIME if again else Turn.ADMINISTRATOR,
        until=now() + timedelta(seconds=pause) if again else None,
    )


def not_readable(step: Step, error: CloudError) -> Finding:
    """Return a skipped finding: what the bot may not read says nothing about the channel."""
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
        return just_made and isinstance(error, NotFound)
    return wrote_within(
        run, SETTLES_FOR if isinstance(error, NotReplicatedYet) else ERRORS_SETTLE_FOR
    )


def wrote_within(run: Run, time: timedelta) -> bool:
    return any(now() - change.written < time for change in run.changed.values())


DELETED_AGAIN_S = (*(300.0,) * 12, 1800.0)
"""Pauses between two looks at an object that was found to be deleted, in seconds."""
SETTLED_S = 60.0
"""Age in seconds from which a new object is looked at."""
TWICE_S = 5.0
MARK_S = 2 * 24 * 3600
"""Seconds for which the newest answer before a look is remembered."""
HOLDS = frozenset({State.OK, State.WARNING})
DELETED = frozenset({Cause.APP_DELETED_MEANWHILE, Cause.SECRET_DELETED_MEANWHILE})
TOKEN_SAVED = "token_saved"  # noqa: S105  the name of a question
log = structlog.get_logger(__name__)


def is_deleted(run: Run, step: str = "application") -> bool:
    found = run.findings.get(step)
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
    given_out = bool(ctx.run.answer(TOKEN_SAVED)) or ctx.run.settled("token")
    if wanted_again and not (given_out and step.name == "application"):
        return None
    return replace(before, until=now() + timedelta(seconds=ctx.pause(step.name, DELETED_AGAIN_S)))


def _is_watched(run: Run, step: Step) -> bool:
    if not step.deleted_cause or run.state_of(step.name) not in HOLDS:
        return False
    done = run.changed[step.name].done if run.change_applied(step.name) else None
    return done is not None and done <= now() - timedelta(seconds=SETTLED_S)


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
class Inspector(Recorder):
    """Inspector of one run's steps, which allows for replication in Microsoft's directory."""

    async def inspect(self, step: Step) -> Finding:
        """Return the finding of ``step``, or a finding with the reason why it could not be read."""
        try:
            return await self.retry_while_replicating(step, lambda: step.inspect(self.ctx))
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
        """Repeat ``call`` while a write of ours may not be known; a new role takes longer."""
        for pause in SETTLE_S:
            try:
                return await call()
            except CloudError as error:
                passing = may_be_replication(error, self.run, step)
                if error.cause in ROLE_CAUSES or not passing:
                    raise
            await self._pause(step, pause)
        return await call()

    def finding_from(self, step: Step, error: CloudError) -> Finding:
        """Turn an error into a finding, which waits if replication may be the cause."""
        if may_be_replication(error, self.run, step):
            if error.cause not in ROLE_CAUSES:
                return self.wait_for_replication(step)
            waits = self.wait_for_replication(step, LET_IN, error.cause)
            return replace(waits, evidence=error.evidence())
        if isinstance(error, SignInNeeded):
            raise error
        return finding_from_error(step, error, self.run)

    def wait_for_replication(
        self, step: Step, seen: Text | Reason = Reason.REPLICATION, cause: str = ""
    ) -> Finding:
        """Return a waiting finding that is due again after the next pause of a parked run."""
        again = self.ctx.pause(step.name, PARK_S)
        return step.waits_for(Turn.TIME, seen, cause=cause, again_s=again)

    async def _pause(self, step: Step, seconds: float) -> None:
        self.stop_if_requested()
        known = self.run.findings.get(step.name)
        if seconds >= SHOWN_AFTER_S and (known is None or known.reason is not Reason.REPLICATION):
            self.found(step, step.waits_for(Turn.TIME, Reason.REPLICATION))
        await asyncio.sleep(paced(seconds))

    async def look_at_made(self) -> None:
        """Inspect each object, and record the first that is gone and all that depends on it.

        There is one look after each answer of a person, and after each check. An object that was
        just made is left out. An object that is not found is read twice, because Microsoft's
        directory may answer from a copy that does not have it yet.
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
        found = self.run.findings
        gone = replace(
            finding,
            state=State.WAITING,
            waiting_for=Turn.ADMINISTRATOR,
            cause=step.deleted_cause,
            until=now() + timedelta(seconds=DELETED_AGAIN_S[0]),
            facts={**found[step.name].facts, **finding.facts},
        )
        self.queue(step, gone)
        after, waiting = Text("seen.after", {"step": f"key:step.{step.name}"}), {step.name}
        for name, other in self.steps.items():
            if waiting.intersection(other.needs) and other.automatic and name in found:
                waiting.add(name)
                facts = found[name].facts
                self.queue(other, other.waits_for(Turn.NOBODY, after, facts=facts))
        self.flush()
