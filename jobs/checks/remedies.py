"""Person who can fix the causes of a check, the one button that leads there, and a fix's facts.

Person and button depend on the cause, regardless of the finding that reported it. The facts that
are known before a fix starts are those from the channel's earlier runs, and those causes in the
newest check that only a new token or a consent resolves.
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from jobs.causes.cause import NEW_TOKEN, known
from jobs.checks.check import brief_for, verdict_of
from jobs.checks.verdict import Verdict, in_state
from jobs.model import Channel, State, Turn
from jobs.runs.run import Brief, FixBrief, Run
from jobs.runs.run_store import RunStore
from jobs.steps import CONSENT, steps_for


def whose_turn(verdict: Verdict) -> Turn:
    """Return who must act on the first cause: the approver if a plan fixes it."""
    if not verdict.causes:
        return Turn.NOBODY
    return (
        Turn.APPROVER
        if fixing_step(verdict, verdict.causes[0])
        else known(verdict.weighed[verdict.causes[0]].cause).acts
    )


def for_people(verdict: Verdict) -> tuple[str, ...]:
    """Return the causes that no plan of the bot fixes, without those that a new token resolves.

    A fix asks for that new token itself.
    """
    causes = (
        verdict.weighed[name].cause for name, step in _fixing_steps(verdict).items() if not step
    )
    return tuple(cause for cause in causes if cause not in NEW_TOKEN | {""})


def fix(run: Run, verdict: Verdict, *, whole: bool) -> tuple[str, dict[str, str]] | None:
    """Return the text key and data of the fix button, or None for no button.

    The button opens a plan if a plan would contain a change for any of the causes. Otherwise it
    opens the page on which a person fixes the first cause. If the check is not ``whole``, the page
    is not offered, because a sign-in comes first: a refused token may have a cause that only a
    sign-in shows.
    """
    if not verdict.causes:
        return None
    if step := next(filter(None, _fixing_steps(verdict).values()), ""):
        return f"fix.{step}", {"do": "fix", "channel": run.channel.mailbox, "check": run.id}
    page, cause = page_of(run.channel), verdict.weighed[verdict.causes[0]].cause
    helps = whole and page and cause in NEW_TOKEN
    return ("fix.generate_token", {"url": page}) if helps else None


def page_of(channel: Channel) -> str:
    """Return the address of Webex Connect, as the Call Back URL shows it, or ''."""
    page = urlsplit(channel.callback_url)
    return f"https://{page.netloc}" if page.scheme == "https" and page.netloc else ""


def _fixing_steps(verdict: Verdict) -> dict[str, str]:
    return {name: fixing_step(verdict, name) for name in verdict.causes}


def fixing_step(verdict: Verdict, name: str) -> str:
    """Return the step, wrong or not read yet, whose plan changes this finding, or ''."""
    entry = known(verdict.weighed[name].cause)
    unseen = () if entry.fixed_if_wrong else (State.SKIPPED, State.UNKNOWN)
    wrong = in_state(entry.fixed_by, verdict.weighed, State.WRONG)
    return next(iter([*wrong, *in_state(entry.fixed_by, verdict.weighed, *unseen)]), "")


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
    verdict = verdict_of(last)
    causes = (verdict.weighed[name].cause for name in verdict.causes)
    cause = next((each for each in causes if each in NEW_TOKEN), "") if news else ""
    return replace(brief, fix=FixBrief(consent_missing=no_consent, token_cause=cause))


def likely_changes(check: Run) -> tuple[str, ...]:
    """Return the steps that a fix will probably change: wrong ones, and what needs those."""
    steps = steps_for(check.channel.profile)
    found, warned = check.findings, in_state(steps, check.findings, State.WARNING)
    wrong = set(in_state(steps, found, State.WRONG))
    wrong |= {name for name in warned if name in known(found[name].cause).fixed_by}
    verdict = verdict_of(check)
    wrong |= {fixing_step(verdict, name) for name in verdict.causes} & steps.keys()
    unsure = steps.keys() - {*warned, *in_state(steps, found, State.OK)}
    while more := {name for name in unsure - wrong if wrong.intersection(steps[name].needs)}:
        wrong |= more
    return tuple(sorted(wrong))
