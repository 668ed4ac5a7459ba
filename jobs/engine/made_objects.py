"""Repeated looks at the objects that a run has made, while the run waits for a person.

Somebody may delete the app or its secret in the portal in the meantime. Without a look the cards
would go on asking for things that lead nowhere. A look is a few reads: once a minute in the first
ten minutes of a wait, then every five minutes, and every half hour after an hour. A look changes
nothing. The looks end with the administrator's sign-in, because nobody is asked to sign in for
them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil

import structlog
from redis import Redis

from jobs.clock import now
from jobs.clouds.cause_codes import causes
from jobs.clouds.errors import CloudError, SignInNeeded
from jobs.engine.context import StepContext
from jobs.engine.readiness import is_due
from jobs.engine.recorder import Recorder
from jobs.engine.step import Step
from jobs.model import Finding, State, Text, Turn
from jobs.runs.run import Run
from jobs.storage import keys

PAUSES_S = ((600.0, 60.0), (3600.0, 300.0))
"""Pairs of a wait's upper limit and the pause between two looks during such a wait, in seconds."""
LONGEST_PAUSE_S = 1800.0
AGAIN_S = (*(300.0,) * 12, 1800.0)
"""Pauses between two looks at an object that was found to be deleted, in seconds."""
SETTLED_S = 60.0
"""Age in seconds from which a new object is looked at."""
TWICE_S = 5.0
MARK_S = 2 * 24 * 3600
HOLDS = frozenset({State.OK, State.WARNING})
DELETED = causes("app_deleted_meanwhile", "secret_deleted_meanwhile")
TOKEN_SAVED = "token_saved"  # noqa: S105  the name of a question
log = structlog.get_logger(__name__)


def watched(run: Run, steps: Mapping[str, Step]) -> list[Step]:
    """Return the steps whose object this run has made and last saw in its place."""
    return [step for name, step in steps.items() if step.deleted_cause and _is_made(run, name)]


def _is_made(run: Run, name: str) -> bool:
    """Return whether the run has made the step's change, and last saw that it holds."""
    return run.change_applied(name) and run.state_of(name) in HOLDS


def next_look(redis: Redis, run: Run, steps: Mapping[str, Step]) -> datetime | None:
    """Return when the objects are looked at again, or None if there are none or no sign-in."""
    if run.account is None or run.ended or not watched(run, steps):
        return None
    mark = keys.run_mark(run.id, "look", "due")
    if redis.get(mark) == _mark_of_version(run):
        return None
    redis.set(mark, _mark(run), ex=MARK_S)
    return now() + timedelta(seconds=_pause_s(run))


def is_only_a_look(redis: Redis, run: Run) -> bool:
    """Return whether the run is due only for another look at the objects that it has made.

    That is so if nothing has happened since the run was put off. A lost secret is kept until the
    one-time page has shown its successor. That is no event of the run, so a run with a lost secret
    always goes on in full.
    """
    lost = run.state_of("lost_secret") is State.WAITING
    mark = redis.get(keys.run_mark(run.id, "look", "due"))
    return mark == _mark(run) and not lost and not any(map(is_due, run.findings.values()))


def stop_looking(redis: Redis, run: Run) -> None:
    """Look at the run's objects no more until something happens to the run."""
    redis.set(keys.run_mark(run.id, "look", "due"), _mark_of_version(run), ex=MARK_S)


def is_deleted(run: Run, step: str = "application") -> bool:
    """Return whether a look has found that the object of the step was deleted."""
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
    if _is_wanted_again(ctx.run, step) and not _is_in_use(ctx.run, step):
        return None
    return replace(before, until=now() + timedelta(seconds=ctx.pause(step.name, AGAIN_S)))


def _is_wanted_again(run: Run, step: Step) -> bool:
    """Return whether somebody has asked for a new object since the old one was found deleted."""
    return any(run.answered_since(step.name, name) for name in ("look_again", step.repeat_on))


def _is_in_use(run: Run, step: Step) -> bool:
    """Return whether the object is the app, and Webex Connect has its client ID."""
    return step.name == "application" and (bool(run.answer(TOKEN_SAVED)) or run.settled("token"))


@dataclass(slots=True)
class MadeObjects:
    """Objects that one run has made."""

    recorder: Recorder
    steps: Mapping[str, Step]

    async def look(self) -> None:
        """Inspect each object, and record the first that is gone and all that depends on it.

        An object that was just made is left out. An object that is not found is read twice, because
        Microsoft's directory may answer from a copy that does not have it yet. Without a valid
        sign-in there are no more looks until something happens to the run.

        Raises:
            LeaseLostError: another worker has the run.
        """
        run, redis = self.recorder.run, self.recorder.ctx.store.redis
        pause = ceil(_pause_s(run) * 0.9)
        if not redis.set(keys.run_mark(run.id, "look", "done"), "1", nx=True, ex=pause):
            return
        for step in filter(self._is_settled, watched(run, self.steps)):
            try:
                finding = await self._read(step)
            except SignInNeeded:
                stop_looking(redis, run)
                return
            except CloudError as error:
                log.info("not looked at", run=run.id, step=step.name, why=str(error))
                continue
            if _is_gone(finding):
                self._record(step, finding)
                return

    def _is_settled(self, step: Step) -> bool:
        made = self.recorder.run.changed[step.name].done
        return made is not None and (now() - made).total_seconds() >= SETTLED_S

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
    return finding.state is State.WRONG and finding.seen == Text("seen.none")


def _pause_s(run: Run) -> float:
    moments = (*run.found_at.values(), *(answer.at for answer in run.answers.values()))
    waited = (now() - max(moments, default=run.opened)).total_seconds()
    return next((pause for limit, pause in PAUSES_S if waited < limit), LONGEST_PAUSE_S)


def _mark(run: Run) -> bytes:
    return str(run.version).encode()


def _mark_of_version(run: Run) -> bytes:
    return f"over {run.version}".encode()
