"""Look at the objects that a run has made, before a person's answer leads to anything more.

Somebody may delete the app or its secret in the portal while the run waits for a person. Without a
look the cards would go on asking for things that lead nowhere. So the first attempt after an answer
reads these objects. A look is a few reads and changes nothing. Nobody is asked to sign in for it.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
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


async def look_at_made(recorder: Recorder) -> None:
    """Inspect each object, and record the first that is gone and all that depends on it.

    There is one look after each answer of a person, and after each check. An object that was just
    made is left out. An object that is not found is read twice, because Microsoft's directory may
    answer from a copy that does not have it yet.
    """
    run, redis = recorder.run, recorder.ctx.store.redis
    times = [answer.at for answer in (*run.answers.values(), run.looked) if answer]
    newest = max(filter(None, (*times, run.signed_in)), default="")
    mark, answered = keys.run_mark(run.id, "look"), str(newest).encode()
    made = [step for step in recorder.steps.values() if _is_watched(run, step)]
    if not made or redis.get(mark) == answered:
        return
    for step in made:
        try:
            if (finding := await _read(recorder, step)) is None:
                continue
        except CloudError as error:
            log.info("not looked at", run=run.id, step=step.name, why=str(error))
            return
        log.warning("deleted in the meantime", run=run.id, step=step.name)
        _record(recorder, step, finding)
        break
    redis.set(mark, answered, ex=MARK_S)


def _is_watched(run: Run, step: Step) -> bool:
    if not step.deleted_cause or run.state_of(step.name) not in HOLDS:
        return False
    done = run.changed[step.name].done if run.change_applied(step.name) else None
    return done is not None and done <= now() - timedelta(seconds=SETTLED_S)


async def _read(recorder: Recorder, step: Step) -> Finding | None:
    for pause in (TWICE_S, 0):
        finding = await step.inspect(recorder.ctx)
        if finding.state is not State.WRONG or finding.reason is not Reason.ABSENT:
            return None
        await asyncio.sleep(pause)
    return finding


def _record(recorder: Recorder, step: Step, finding: Finding) -> None:
    found = recorder.run.findings
    gone = replace(
        finding,
        state=State.WAITING,
        waiting_for=Turn.ADMINISTRATOR,
        cause=step.deleted_cause,
        until=now() + timedelta(seconds=AGAIN_S[0]),
        facts={**found[step.name].facts, **finding.facts},
    )
    recorder.queue(step, gone)
    after, waiting = Text("seen.after", {"step": f"key:step.{step.name}"}), {step.name}
    for name, other in recorder.steps.items():
        if waiting.intersection(other.needs) and other.automatic and name in found:
            waiting.add(name)
            facts = found[name].facts
            recorder.queue(other, other.waits_for(Turn.NOBODY, after, facts=facts))
    recorder.flush()
