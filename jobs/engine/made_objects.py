"""Look at the objects that a run has made, before a person's answer leads to anything more.

Somebody may delete the app or its secret in the portal while the run waits for a person. Without a
look the cards would go on asking for things that lead nowhere. So the first attempt after an answer
reads these objects. A look is a few reads and changes nothing. Nobody is asked to sign in for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from jobs.causes.cause import Cause
from jobs.clock import now
from jobs.clouds.errors import CloudError
from jobs.engine.context import StepContext
from jobs.engine.graph import Recorder
from jobs.engine.step import Step
from jobs.model import Finding, Reason, State, Text, Turn
from jobs.runs.run import Run
from jobs.storage import keys

AGAIN_S = (*(300.0,) * 12, 1800.0)
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


def watched(run: Run, steps: Mapping[str, Step]) -> list[Step]:
    """Return the steps whose object this run has made and last saw in its place."""
    return [
        step
        for name, step in steps.items()
        if step.deleted_cause and run.change_applied(name) and run.state_of(name) in HOLDS
    ]


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
    return replace(before, until=now() + timedelta(seconds=ctx.pause(step.name, AGAIN_S)))


@dataclass(slots=True)
class MadeObjects:
    recorder: Recorder
    steps: Mapping[str, Step]

    async def look(self) -> None:
        """Inspect each object, and record the first that is gone and all that depends on it.

        There is one look after each answer of a person, and after each check. An object that was
        just made is left out. An object that is not found is read twice, because Microsoft's directory may answer from a
        copy that does not have it yet.
        """
        run, redis = self.recorder.run, self.recorder.ctx.store.redis
        old = now() - timedelta(seconds=SETTLED_S)
        at = {step: run.changed[step.name].done for step in watched(run, self.steps)}
        made = [step for step, done in at.items() if done is not None and done <= old]
        times = [answer.at for answer in (*run.answers.values(), run.looked) if answer]
        newest = max(filter(None, (*times, run.signed_in)), default="")
        mark, answered = keys.run_mark(run.id, "look"), str(newest).encode()
        if not made or redis.get(mark) == answered:
            return
        for step in made:
            try:
                finding = await self._read(step)
            except CloudError as error:
                log.info("not looked at", run=run.id, step=step.name, why=str(error))
                return
            if _is_gone(finding):
                self._record(step, finding)
                break
        redis.set(mark, answered, ex=MARK_S)

    async def _read(self, step: Step) -> Finding:
        finding = await step.inspect(self.recorder.ctx)
        if _is_gone(finding):
            await asyncio.sleep(TWICE_S)
            finding = await step.inspect(self.recorder.ctx)
        return finding

    def _record(self, step: Step, finding: Finding) -> None:
        run = self.recorder.run
        log.warning("deleted in the meantime", run=run.id, step=step.name)
        gone = replace(
            finding,
            state=State.WAITING,
            waiting_for=Turn.ADMINISTRATOR,
            cause=step.deleted_cause,
            until=now() + timedelta(seconds=AGAIN_S[0]),
            facts={**run.findings[step.name].facts, **finding.facts},
        )
        self.recorder.queue(step, gone)
        for other in self._dependents(step.name):
            after = Text("seen.after", {"step": f"key:step.{step.name}"})
            facts = run.findings[other.name].facts
            self.recorder.queue(other, other.waits_for(Turn.NOBODY, after, facts=facts))
        self.recorder.flush()

    def _dependents(self, name: str) -> list[Step]:
        """Return the automatic steps that need this one and were looked at, in their order."""
        found: dict[str, Step] = {}
        for step in self.steps.values():
            needs = {name, *found}.intersection(step.needs)
            if needs and step.automatic and step.name in self.recorder.run.findings:
                found[step.name] = step
        return list(found.values())


def _is_gone(finding: Finding) -> bool:
    return finding.state is State.WRONG and finding.reason is Reason.ABSENT
