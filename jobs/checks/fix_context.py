"""Facts for a fix that are known before it starts.

They are the facts from the channel's earlier runs, and those causes in the newest check that only a
new token or a consent resolves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from jobs.causes.cause import NEW_TOKEN, known
from jobs.checks.check import brief_for, findings_of, steps_of
from jobs.checks.remedies import fixing_step
from jobs.checks.verdict import Verdict, judge
from jobs.engine.step import Step
from jobs.model import State
from jobs.runs.run import Brief, FixBrief, Run
from jobs.runs.run_store import RunStore
from jobs.steps import CONSENT, steps_for


def fix_context(store: RunStore, mailbox: str) -> Brief:
    """Return the brief of a fix: IDs, times, and the newest check's manual causes.

    The brief never holds secrets. Manual causes are those that only a person can fix. The brief
    also has the cause that a new token ends, and whether the administrator's consent is missing.
    """
    last, brief = store.last_check(mailbox), brief_for(store, mailbox)
    if last is None:
        return replace(brief, fix=FixBrief())
    no_consent = any(last.state_of(name) is State.WARNING for name in CONSENT)
    news = last.checked is not None and (brief.token_at is None or last.checked > brief.token_at)
    cause = _dead_token(last) if news else ""
    return replace(brief, fix=FixBrief(consent_missing=no_consent, token_cause=cause))


def verdict_of(check: Run) -> Verdict:
    return judge(steps_of(check), findings_of(check))


def likely_changes(check: Run) -> tuple[str, ...]:
    """Return the steps that a fix will probably change: wrong ones, and what needs those."""
    steps = steps_for(check.channel.profile)
    wrong = {name for name in steps if _is_to_fix(check, name)}
    verdict = verdict_of(check)
    wrong |= {fixing_step(verdict, name) for name in verdict.causes} & steps.keys()
    while more := _more_below(check, steps, wrong):
        wrong |= more
    return tuple(sorted(wrong))


def _more_below(check: Run, steps: Mapping[str, Step], wrong: set[str]) -> set[str]:
    others = steps.keys() - wrong
    return {name for name in others if _is_below(check, steps[name], wrong)}


def _is_to_fix(check: Run, name: str) -> bool:
    """Return whether the step is wrong, or has a warning that a fix ends."""
    found = check.findings.get(name)
    if found is None or found.state not in {State.WRONG, State.WARNING}:
        return False
    return found.state is State.WRONG or name in known(found.cause).fixed_by


def _is_below(check: Run, step: Step, wrong: set[str]) -> bool:
    """Return whether the step needs a wrong step and is not known to be right itself."""
    known = check.state_of(step.name) in {State.OK, State.WARNING}
    return not known and not frozenset(step.needs).isdisjoint(wrong)


def _dead_token(check: Run) -> str:
    verdict = verdict_of(check)
    return next(
        (cause for name in verdict.causes if (cause := verdict.weighed[name].cause) in NEW_TOKEN),
        "",
    )
