"""Whose turn a run is, in one word and one sentence; the same for the progress card, ``/status`` and a pointer to a run."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.engine.readiness import NOT_INSPECTABLE
from jobs.model import Finding, RunKind, Scope, State, Text, Turn
from jobs.runs.run import Kind, Run
from jobs.steps import steps_of
from jobs.steps.test_mail import FROM_ITSELF

PROMPTS = {
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
class NextAction:
    """The turn, and what is to be done."""

    turn: Turn
    words: Text


def next_action(run: Run) -> NextAction:
    """Read off the run, the earliest stage first."""
    if run.ended:
        ended = "undone" if run.kind is RunKind.UNDO and run.ended is Kind.FINISHED else ENDED[run.ended]
        return NextAction(Turn.NOBODY, Text(f"turn_words.{ended}", {"reference": _reference(run)}))
    return _before_plan(run) or _approval(run) or _waiting(run) or NextAction(Turn.NOBODY, Text("turn_words.running"))


ENDED: dict[Kind | None, str] = {None: "", Kind.FINISHED: "done", Kind.FAILED: "failed", Kind.CANCELLED: "cancelled"}


def _reference(run: Run) -> str:
    """By which the log knows the mistake that ended the run; empty where none did."""
    return run.problems["run"].code if "run" in run.problems else ""


def stage_of(run: Run) -> int:
    """1 details, 2 sign-in, 3 plan, 4 changes, 5 consent, 6 Webex Connect, 7 proof."""
    if not run.detailed:
        return 1
    if run.account is None and not run.has_begun:
        return 2
    if run.plan is None or (run.plan.changes and not run.has_begun):
        return 3
    if run.findings.get("registered", Finding("", State.UNKNOWN)).state is State.OK:
        return 7
    if all(run.settled(name) for name in ("ids", "client_secret", "smtp_grant", "admin_consent") if name in steps_of(run)):
        return 6
    return 5 if _waits(run, "admin_consent") else 4


def _before_plan(run: Run) -> NextAction | None:
    if not run.detailed:
        return NextAction(Turn.REQUESTER, Text("turn_words.details"))
    if run.account is None:
        return NextAction(Turn.ADMINISTRATOR, Text("turn_words.sign_in"))
    if run.plan is None:
        return NextAction(Turn.NOBODY, Text("turn_words.reading"))
    return NextAction(Turn.ADMINISTRATOR, Text("turn_words.look")) if blocking_steps(run) and not run.has_begun else None


def _approval(run: Run) -> NextAction | None:
    if run.plan is None or not run.plan.changes:
        return None
    if Scope.MAILBOX not in run.approvals and any(change.scope is not Scope.TENANT for change in run.plan.changes):
        return NextAction(Turn.APPROVER, Text("turn_words.approve"))
    if Scope.TENANT not in run.approvals and any(change.scope is Scope.TENANT for change in run.plan.changes):
        return NextAction(Turn.APPROVER, Text("turn_words.approve_tenant"))
    return None


def _waiting(run: Run) -> NextAction | None:
    findings = [run.findings[name] for name in steps_of(run) if name in run.findings]
    for finding in findings:
        if finding.state is State.UNKNOWN and not finding.until:
            return NextAction(Turn.ADMINISTRATOR, Text("turn_words.look"))
    for finding in (f for f in findings if f.state is State.WAITING and _is_person(f)):
        return NextAction(finding.waiting_for or Turn.NOBODY, Text(f"turn_words.{_ask(finding, run)}"))
    if not run.running and any(finding.until for finding in findings):
        return NextAction(Turn.TIME, Text("turn_words.waiting"))
    return None


def _ask(finding: Finding, run: Run) -> str:
    if finding.step == "rehearsal" or finding.waiting_for is Turn.MAILBOX_USER:
        return "rehearsal_sign_in" if run.answer("rehearse") == "yes" else "rehearse"
    stuck = finding.cause not in {"", FROM_ITSELF} and finding.step in STUCK
    asked = STUCK[finding.step] if stuck else PROMPTS.get(finding.step, "look")
    return "token" if asked == "form" and keeps_secret(run) else asked


def keeps_secret(run: Run) -> bool:
    """Whether Webex Connect keeps the client secret that it has, and wants nothing but a new token. What the fix has done counts.

    Where the app itself was wrong its plan holds a secret, too, and the one that is there turns out to be good.
    """
    return run.kind is RunKind.FIX and "client_secret" not in run.changed


def _is_person(finding: Finding) -> bool:
    return finding.waiting_for not in {None, Turn.TIME, Turn.NOBODY}


def _waits(run: Run, name: str) -> bool:
    return name in run.findings and run.findings[name].state is State.WAITING


def blocking_steps(run: Run) -> tuple[str, ...]:
    """Steps that were looked at, do not hold, and that no approval can mend; what only follows from another step is not named."""
    mendable = {change.step for change in run.plan.changes} if run.plan else set()
    return tuple(
        name
        for name, step in steps_of(run).items()
        if step.automatic and name in run.findings and name not in mendable and _stops(run.findings[name])
    )


def _stops(finding: Finding) -> bool:
    return finding.state in {State.WRONG, State.UNKNOWN, State.WAITING} and finding.seen not in NOT_INSPECTABLE
