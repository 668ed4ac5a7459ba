"""Whether a step is worth a look, when, and with what."""

from __future__ import annotations

from collections.abc import Collection

from jobs.clock import now
from jobs.engine.step import Step
from jobs.microsoft.scopes import app_may_read
from jobs.model import Access, Finding, State, Text
from jobs.runs.run import Run

NOTHING_YET, NOT_KNOWN = Text("seen.nothing_yet"), Text("seen.not_known")
NOT_INSPECTABLE = (NOTHING_YET, NOT_KNOWN)
"""What a look says of a step that it could not look at: it is a part of what is not there, or nobody knows."""
NOT_THERE = (Text("seen.none"), NOTHING_YET)


def retry_key(step: Step, run: Run) -> object:
    """What has to change before a step that could not go on is worth another try."""
    settled = tuple(run.settled(name) for name in step.after)
    answered = frozenset((question, answer.at) for question, answer in run.answers.items())
    return settled, answered, frozenset(run.approvals), run.signed_in, run.plan and run.plan.id, step.name in run.demanded


def why_not_inspectable(step: Step, run: Run, steps: Collection[str]) -> Text | None:
    """Why a step cannot be looked at for a plan; None where it can: what it needs holds, or is there, with the facts that lead on.

    A part of what is not there is not there either. That is never said of what is merely not known.
    """
    found = [run.findings.get(need) for need in step.needs if need in steps and not run.settled(need)]
    open_needs = [finding for finding in found if finding is None or not finding.facts]
    if any(map(_is_not_there, open_needs)):
        return None if step.inspect_unmet else NOTHING_YET
    return NOT_KNOWN if open_needs else None


def _is_not_there(finding: Finding | None) -> bool:
    """Return whether a look has shown that the object does not exist."""
    return finding is not None and finding.state is State.WRONG and finding.seen in NOT_THERE


def is_due(finding: Finding) -> bool:
    """Whether the time has come at which it was to be looked at again."""
    return finding.until is not None and finding.until <= now()


def must_wait(run: Run, step: str) -> bool:
    """Whether the step waits until a cloud may be asked again: what wakes the run for another step's sake does not ask it sooner."""
    found = run.findings.get(step)
    return found is not None and found.state is State.UNKNOWN and found.until is not None and not is_due(found)


def required_access(step: Step, allowed: Collection[Access]) -> Access | None:
    """With what a step is looked at: nothing where that is enough, else a sign-in, else the bot's own access where that can be enough."""
    if step.diagnosis.access is Access.NONE:
        return Access.NONE
    if Access.ADMIN in allowed:
        return Access.ADMIN
    return Access.APP if Access.APP in allowed and app_may_read(step.reads) else None
