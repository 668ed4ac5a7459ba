"""Next action of a run, as one word and one sentence.

It is the same for the progress card, ``/status`` and a link to a run.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import filterfalse

from jobs.causes.cause import Cause
from jobs.engine.findings import NOT_INSPECTABLE, UNSEEN
from jobs.model import Evidence, Finding, RunKind, Scope, State, Text, Turn
from jobs.runs.event_log import distrust
from jobs.runs.run import Kind, Run
from jobs.steps import all_steps, steps_of
from jobs.steps.mailbox_and_smtp_auth import needs_delegate

ActionKind = StrEnum(
    "ActionKind",
    """
    DETAILS SIGN_IN READING DELEGATE LOOK APPROVE APPROVE_TENANT CONSENT FORM TOKEN REGISTER
    REHEARSE REHEARSE_AGAIN REHEARSAL_SIGN_IN SEND ANSWER ANSWER_AGAIN RUNNING WAITING DONE UNDONE
    FAILED CANCELLED
    """,
)
"""What a next action is. The sentence about it is ``turn_words.`` with the value."""


@dataclass(frozen=True, slots=True)
class NextAction:
    """Party that must act next, and its task. ``why`` replaces the words of a run that failed."""

    turn: Turn
    kind: ActionKind
    reference: str = ""
    why: Text | None = None

    @property
    def words(self) -> Text:
        values = {"reference": self.reference} if self.kind is ActionKind.FAILED else {}
        return self.why or Text(f"turn_words.{self.kind}", values)


def next_action(run: Run) -> NextAction:
    if run.ended:
        failed = run.problems.get("run")
        undone = run.kind is RunKind.UNDO and run.ended is Kind.FINISHED
        kind = ActionKind.UNDONE if undone else ActionKind(ENDED[run.ended])
        return NextAction(Turn.NOBODY, kind, failed.code if failed else "", distrust(run))
    action = _before_plan(run) or _approval(run) or _waiting(run)
    return action or NextAction(Turn.NOBODY, ActionKind.RUNNING)


ENDED: dict[Kind | None, str] = {
    None: "",
    Kind.FINISHED: ActionKind.DONE,
    Kind.FAILED: ActionKind.FAILED,
    Kind.CANCELLED: ActionKind.CANCELLED,
}


def stage_of(run: Run) -> int:
    """Return 1 details, 2 sign-in, 3 plan, 4 changes, 5 consent, 6 Webex Connect or 7 proof."""
    if not run.detailed:
        return 1
    if run.account is None and not run.has_begun:
        return 2
    if run.plan is None or (run.plan.changes and not run.has_begun):
        return 3
    if run.state_of("registered") is State.OK:
        return 7
    if all(map(run.settled, steps_of(run).keys() & {*all_steps()["mailbox_fields"].needs})):
        return 6
    return 5 if run.state_of("admin_consent") is State.WAITING else 4


def _before_plan(run: Run) -> NextAction | None:
    if not run.detailed:
        return NextAction(Turn.REQUESTER, ActionKind.DETAILS)
    if run.account is None:
        return NextAction(Turn.ADMINISTRATOR, ActionKind.SIGN_IN)
    if run.plan is None:
        return NextAction(Turn.NOBODY, ActionKind.READING)
    if not is_blocked(run):
        return None
    if needs_delegate(run):
        return NextAction(Turn.REQUESTER, ActionKind.DELEGATE)
    stuck = [each for name in blocking_steps(run) if not (each := run.findings[name]).until]
    return _look(stuck) if stuck else NextAction(Turn.TIME, ActionKind.WAITING)


def _look(stuck: list[Finding]) -> NextAction:
    """Return the request to look, for the bot's operator if nobody in the tenant can help."""
    operator = all(each.waiting_for is Turn.OPERATOR for each in stuck)
    return NextAction(Turn.OPERATOR if operator else Turn.ADMINISTRATOR, ActionKind.LOOK)


def is_blocked(run: Run) -> bool:
    return run.plan is not None and bool(blocking_steps(run))


def _approval(run: Run) -> NextAction | None:
    missing = {change.approval_scope for change in run.plan_lines} - run.approvals.keys()
    if not missing:
        return None
    kind = ActionKind.APPROVE if Scope.MAILBOX in missing else ActionKind.APPROVE_TENANT
    return NextAction(Turn.APPROVER, kind)


def _waiting(run: Run) -> NextAction | None:
    findings = _in_order(run)
    if unread := list(filter(is_unread, findings)):
        return _look(unread)
    if asking := _asking(run):
        return _request(run, asking[0])
    timed = any(finding.until for finding in findings) and not steps_under_way(run)
    return NextAction(Turn.TIME, ActionKind.WAITING) if timed else None


def steps_under_way(run: Run) -> frozenset[str]:
    """Return the steps at work, but no wait for time: most tries end as they began."""
    waiting = {name for name, each in run.findings.items() if each.waiting_for is Turn.TIME}
    return frozenset(run.running - waiting)


def _in_order(run: Run) -> list[Finding]:
    return [run.findings[name] for name in steps_of(run) if name in run.findings]


def is_unread(finding: Finding) -> bool:
    """Return whether the step's state could not be read and no further look is scheduled."""
    return finding.state is State.UNKNOWN and not finding.until


def _request(run: Run, asking: Finding) -> NextAction:
    """Return what a finding asks for; the mailbox user is asked only after a press of Rehearse."""
    turn = asking.waiting_for or Turn.NOBODY
    if _concerns_rehearsal(asking):
        if failed := failed_rehearsal(run):
            return NextAction(failed.waiting_for or turn, ActionKind.REHEARSE_AGAIN)
        if run.answer("rehearse") == "yes":
            return NextAction(turn, ActionKind.REHEARSAL_SIGN_IN)
        return NextAction(Turn.REQUESTER, ActionKind.REHEARSE)
    known, step = asking.cause not in {"", Cause.TEST_MAIL_FROM_ITSELF}, all_steps()[asking.step]
    kind = ActionKind((step.asks_if_stuck if known else "") or step.asks)
    only_token = kind is ActionKind.FORM and keeps_secret(run)
    return NextAction(turn, ActionKind.TOKEN if only_token else kind)


def _asking(run: Run) -> list[Finding]:
    """Return the findings whose steps ask a person for something now.

    The rehearsal asks nobody before its card can be shown, or while the bot makes its secret.
    Nobody is asked for an act that they have just done.
    """
    nobody = {None, Turn.TIME, Turn.NOBODY, Turn.APPROVER}  # :func:`_approval` knows of the last
    waiting = [each for each in _in_order(run) if each.state is State.WAITING]
    asking = [each for each in waiting if each.waiting_for not in nobody]
    if not may_rehearse(run) or lacks_own_secret(run):
        asking = [*filterfalse(_concerns_rehearsal, asking)]
    if not waits_for_consent(run):
        asking = [each for each in asking if each.step != "admin_consent"]
    return [each for each in asking if not has_returned(run, each.step)]


def waits_for_consent(run: Run) -> bool:
    # The consent page leads nowhere while the app is absent, as after somebody has deleted it.
    # The run is not waiting while it reads a grant that was made a moment ago.
    needs = map(run.state_of, ("application", *all_steps()["admin_consent"].needs))
    if run.ended or {State.WRONG, State.WAITING} & {*needs} or has_returned(run, "admin_consent"):
        return False
    found = run.findings.get("admin_consent", UNSEEN)
    return found.state is State.WAITING and found.waiting_for is Turn.ADMINISTRATOR


def open_requests(run: Run) -> tuple[NextAction, ...]:
    """Return everything that people are asked for now, the next action first."""
    first = next_action(run)
    if run.ended or _before_plan(run):
        return (first,)
    asked = (_request(run, each) for each in _asking(run))
    return tuple({each.kind: each for each in (*asked, first)}.values())


def _concerns_rehearsal(finding: Finding) -> bool:
    return finding.step == "rehearsal" or finding.waiting_for is Turn.MAILBOX_USER


def failed_rehearsal(run: Run) -> Finding | None:
    """Return what failed, as a finding; a sign-in counts if the rehearsal was not asked for since."""
    problem, finding = run.problems.get("mailbox_sign_in"), run.findings.get("rehearsal")
    if problem is not None and problem.at > run.answers["rehearse"].at:
        code = (Evidence("smtp", problem.code),)
        return Finding("rehearsal", State.WAITING, cause=problem.cause, evidence=code)
    return finding if finding is not None and finding.cause else None


def keeps_secret(run: Run) -> bool:
    """Return whether only the token is new: a plan may list a secret that turns out unneeded."""
    return run.kind is RunKind.FIX and "client_secret" not in run.changed


def may_rehearse(run: Run) -> bool:
    """Return whether the rehearsal can be offered: the form of Webex Connect can be filled in."""
    return "mailbox_fields" in run.findings and "rehearsal" in steps_of(run)


def has_returned(run: Run, name: str) -> bool:
    """Return whether somebody has just done their part of the step, and the run has yet to look."""
    return name in steps_of(run) and run.answered_since(name, all_steps()[name].returns_with)


def lacks_own_secret(run: Run) -> bool:
    """Return whether somebody wants the rehearsal, and the bot has yet to make its own secret."""
    made = run.state_of("check_secret")
    return run.answer("rehearse") == "yes" and made in {State.WRONG, State.WAITING}


def unplanned_steps(run: Run) -> list[str]:
    """Return the automatic steps, in their order, that the current plan does not change."""
    planned = run.planned_steps
    return [name for name, step in steps_of(run).items() if step.automatic and name not in planned]


def blocking_steps(run: Run) -> tuple[str, ...]:
    """Return the inspected steps that do not hold and need a person before the run can begin."""
    if run.has_begun:
        return ()
    open_ = {State.WRONG, State.UNKNOWN, State.WAITING}
    found = ((name, each) for name, each in run.findings.items() if each.state in open_)
    # what follows from others needs nobody
    stops = {name for name, each in found if each.reason not in NOT_INSPECTABLE}
    return tuple(name for name in unplanned_steps(run) if name in stops)


NOBODY = frozenset({Turn.NOBODY, Turn.TIME})
ASKED = {
    Turn.ADMINISTRATOR: ("consent_administrator", "administrator"),
    Turn.MAILBOX_USER: ("mailbox_user",),
    Turn.AGENT: ("agent",),
}
"""Questions about the address of a person who is asked 1:1, the newest question first."""
BEGINS = (*sum(ASKED.values(), ()), "rehearse", "token_saved")
"""Questions whose answers give the turn to somebody else."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait of a run for ``who``; empty for the approvers, or if nobody was named."""

    turn: Turn
    kind: ActionKind
    who: str
    since: datetime


def wait_of(run: Run) -> Wait | None:
    """Return whom the run waits for now, or None while no person has to act."""
    action = next_action(run)
    if run.ended or action.turn in NOBODY:
        return None
    return Wait(action.turn, action.kind, who_acts(run, action.turn), _since(run))


def who_acts(run: Run, turn: Turn) -> str:
    """Return the address of the person who has this turn in the run, or an empty string."""
    if turn is Turn.REQUESTER:
        return run.requester.email
    return next(filter(None, map(run.answer, ASKED.get(turn, ()))), "")


def _since(run: Run) -> datetime:
    """Return when the turn began: no finding's time, since a step that waits is read again."""
    replies = (*map(run.answers.get, BEGINS), *run.approvals.values())
    plan_at = run.plan.at if run.plan else None
    asking = _asking(run)
    needs = steps_of(run)[asking[0].step].needs if asking else ()
    met = [run.settled_at[need] for need in needs if run.settled(need)]
    moments = filter(None, (*(each.at for each in replies if each), plan_at, run.signed_in, *met))
    return max(moments, default=run.opened)
