"""Whose turn a run is, in one word and one sentence; the same for the progress card, ``/status`` and a pointer to a run."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.engine.readiness import UNSEEN
from jobs.model import Finding, Scope, State, Turn, Words
from jobs.runs.run import Run
from jobs.steps import steps_of
from jobs.steps.test_mail import FROM_ITSELF

ASKS = {
    "admin_consent": "consent",
    "mailbox_fields": "form",
    "token": "form",
    "registered": "register",
    "test_mail": "send",
    "agent_answer": "answer",
    "agent_has_it": "answer",
}


STUCK = {"test_mail": "look", "agent_answer": "answer_again"}
"""What is asked for where it is known what stops the mail or its answer."""


@dataclass(frozen=True, slots=True)
class Whose:
    """The turn, and what is to be done."""

    turn: Turn
    words: Words


def whose(run: Run) -> Whose:
    """Read off the run, the earliest stage first."""
    if run.ended:
        ended = "undone" if run.kind == "undo" and run.ended == "finished" else ENDED[run.ended]
        return Whose(Turn.NOBODY, Words(f"turn_words.{ended}", {"reference": _reference(run)}))
    return _before_plan(run) or _approval(run) or _waiting(run) or Whose(Turn.NOBODY, Words("turn_words.running"))


ENDED = {"finished": "done", "failed": "failed", "cancelled": "cancelled"}


def _reference(run: Run) -> str:
    """By which the log knows the mistake that ended the run; empty where none did."""
    return run.problems["run"].code if "run" in run.problems else ""


def stage(run: Run) -> int:
    """1 details, 2 sign-in, 3 plan, 4 changes, 5 consent, 6 Webex Connect, 7 proof."""
    if not run.detailed:
        return 1
    if run.account is None and not run.under_way:
        return 2
    if run.plan is None or (run.plan.changes and not run.under_way):
        return 3
    if run.findings.get("registered", Finding("", State.UNKNOWN)).state is State.OK:
        return 7
    if all(run.settled(name) for name in ("ids", "client_secret", "smtp_grant", "admin_consent") if name in steps_of(run)):
        return 6
    return 5 if _waits(run, "admin_consent") else 4


def _before_plan(run: Run) -> Whose | None:
    if not run.detailed:
        return Whose(Turn.REQUESTER, Words("turn_words.details"))
    if run.account is None:
        return Whose(Turn.ADMINISTRATOR, Words("turn_words.sign_in"))
    if run.plan is None:
        return Whose(Turn.NOBODY, Words("turn_words.reading"))
    return Whose(Turn.ADMINISTRATOR, Words("turn_words.look")) if blocked(run) and not run.under_way else None


def _approval(run: Run) -> Whose | None:
    if run.plan is None or not run.plan.changes:
        return None
    if Scope.MAILBOX not in run.approvals and any(change.scope is not Scope.TENANT for change in run.plan.changes):
        return Whose(Turn.APPROVER, Words("turn_words.approve"))
    if Scope.TENANT not in run.approvals and any(change.scope is Scope.TENANT for change in run.plan.changes):
        return Whose(Turn.APPROVER, Words("turn_words.approve_tenant"))
    return None


def _waiting(run: Run) -> Whose | None:
    findings = [run.findings[name] for name in steps_of(run) if name in run.findings]
    for finding in findings:
        if finding.state is State.UNKNOWN and not finding.until:
            return Whose(Turn.ADMINISTRATOR, Words("turn_words.look"))
    for finding in (f for f in findings if f.state is State.WAITING and _is_person(f)):
        return Whose(finding.waiting_for or Turn.NOBODY, Words(f"turn_words.{_ask(finding, run)}"))
    if not run.running and any(finding.until for finding in findings):
        return Whose(Turn.TIME, Words("turn_words.waiting"))
    return None


def _ask(finding: Finding, run: Run) -> str:
    if finding.step == "rehearsal" or finding.waiting_for is Turn.MAILBOX_USER:
        return "rehearsal_sign_in" if run.answer("rehearse") == "yes" else "rehearse"
    stuck = finding.cause not in {"", FROM_ITSELF} and finding.step in STUCK
    asked = STUCK[finding.step] if stuck else ASKS.get(finding.step, "look")
    return "token" if asked == "form" and keeps_secret(run) else asked


def keeps_secret(run: Run) -> bool:
    """Whether Webex Connect keeps the client secret that it has, and wants nothing but a new token. What the fix has done counts.

    Where the app itself was wrong its plan holds a secret, too, and the one that is there turns out to be good.
    """
    return run.kind == "fix" and "client_secret" not in run.changed


def _is_person(finding: Finding) -> bool:
    return finding.waiting_for not in {None, Turn.TIME, Turn.NOBODY}


def _waits(run: Run, name: str) -> bool:
    return name in run.findings and run.findings[name].state is State.WAITING


def blocked(run: Run) -> tuple[str, ...]:
    """Steps that were looked at, do not hold, and that no approval can mend; what only follows from another step is not named."""
    mendable = {change.step for change in run.plan.changes} if run.plan else set()
    return tuple(
        name
        for name, step in steps_of(run).items()
        if step.automatic and name in run.findings and name not in mendable and _stops(run.findings[name])
    )


def _stops(finding: Finding) -> bool:
    return finding.state in {State.WRONG, State.UNKNOWN, State.WAITING} and finding.seen not in UNSEEN
