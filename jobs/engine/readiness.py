"""Decisions on whether a step can be inspected, when, and with which access."""

from __future__ import annotations

from collections.abc import Collection

from jobs.clock import now
from jobs.engine.step import Step
from jobs.microsoft.scopes import app_may_read
from jobs.model import Access, Finding, Reason, State, Turn
from jobs.runs.run import Run

NOT_INSPECTABLE = frozenset({Reason.NOTHING_YET, Reason.NOT_KNOWN})
NOT_THERE = frozenset({Reason.ABSENT, Reason.NOTHING_YET})


def retry_key(step: Step, run: Run) -> object:
    """Return a value that must change before a step that could not continue is tried again."""
    settled = tuple(run.settled(name) for name in step.after)
    answered = frozenset((question, answer.at) for question, answer in run.answers.items())
    return (
        settled,
        answered,
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
    open_needs = _open_needs(step, run, steps)
    if any(f and f.state is State.WRONG and f.reason in NOT_THERE for f in open_needs):
        return None if step.inspect_unmet else Reason.NOTHING_YET
    return Reason.NOT_KNOWN if open_needs else None


def _open_needs(step: Step, run: Run, steps: Collection[str]) -> list[Finding | None]:
    """Return the findings of those needs that do not hold and lead no further.

    A need that was never inspected counts as None.
    """
    found = (
        run.findings.get(need) for need in step.needs if need in steps and not run.settled(need)
    )
    return [each for each in found if each is None or not each.facts]


def is_due(finding: Finding) -> bool:
    return finding.until is not None and finding.until <= now()


def must_wait(run: Run, step: str) -> bool:
    """Return whether a cloud may not be asked again yet, even if the run wakes for another step."""
    found = run.findings.get(step)
    return (
        found is not None
        and found.state is State.UNKNOWN
        and found.until is not None
        and not is_due(found)
    )


def waits_for_time(run: Run, step: str) -> bool:
    found = run.findings.get(step)
    return found is not None and found.waiting_for is Turn.TIME and not is_due(found)


def required_access(step: Step, allowed: Collection[Access]) -> Access | None:
    """Return the least access that suffices, or None.

    No access comes before a sign-in, and a sign-in before the bot's own, which may be enough.
    """
    if step.diagnosis.access is Access.NONE:
        return Access.NONE
    if Access.ADMIN in allowed:
        return Access.ADMIN
    return Access.APP if Access.APP in allowed and app_may_read(step.reads) else None
