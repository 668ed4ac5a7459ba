"""Findings: when a step is looked at, what an error says of it, and what a lost fact means."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import timedelta

from jobs.causes.cause import Cause, known
from jobs.clock import now
from jobs.clouds import errors
from jobs.clouds.errors import CloudError
from jobs.engine.step import Step, StepContext
from jobs.microsoft.scopes import app_may_read
from jobs.model import Access, Finding, Reason, State, Text, Turn, verbatim
from jobs.runs.run import Run
from jobs.storage.locks import LONGEST_PAUSE_S

Met = Callable[[str], bool]
"""Answer whether a step, by its name, needs nothing more."""
NOT_INSPECTABLE = frozenset({Reason.NOTHING_YET, Reason.NOT_KNOWN})
NOT_THERE = frozenset({Reason.ABSENT, Reason.NOTHING_YET})
UNSEEN = Finding("", State.UNKNOWN)


def retry_key(step: Step, run: Run) -> object:
    """Return a value that must change before a step that could not continue is tried again."""
    return (
        tuple(map(run.settled, step.after)),
        [run.findings.get(name, UNSEEN).waiting_for is Turn.NOBODY for name in step.after],
        frozenset((question, answer.at) for question, answer in run.answers.items()),
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
    needs = (name for name in step.needs if name in steps and not run.settled(name))
    unmet = [found for name in needs if not (found := run.findings.get(name, UNSEEN)).facts]
    if not unmet:
        return None
    if any(found.state is State.WRONG and found.reason in NOT_THERE for found in unmet):
        return None if step.inspect_unmet else Reason.NOTHING_YET
    return Reason.NOT_KNOWN


def is_due(finding: Finding) -> bool:
    # a time beyond the longest pause was written before the clock was set back
    latest = now() + timedelta(seconds=LONGEST_PAUSE_S)
    return finding.until is not None and not now() < finding.until <= latest


def required_access(step: Step, access: Access) -> Access | None:
    """Return the access with which a check that has ``access`` reads the step, or None."""
    if step.diagnosis.access is Access.NONE:
        return Access.NONE
    enough = access is Access.ADMIN or (access is Access.APP and app_may_read(step.reads))
    return access if enough else None


def is_ready(
    run: Run, steps: Mapping[str, Step], met: Met, tried: Mapping[str, object], step: Step
) -> bool:
    """Return whether the step's needs are met, and it was not tried since it could go on last.

    A step that waits for time is not tried twice: its try may have seen a later change. A cloud
    that did not answer is not asked before its time, even if the run wakes for another step.
    """
    if met(step.name) or not all(map(met, filter(steps.__contains__, step.needs))):
        return False
    found = run.findings.get(step.name)
    if found and found.waiting_for is Turn.TIME and not is_due(found):
        return step.name not in tried and found.state is not State.UNKNOWN
    return tried.get(step.name) != retry_key(step, run)


AGAIN_S = (5, 15, 30, 60, 120, 300, 600)
"""Pauses between retries of a step without an answer, in seconds; then a person is asked."""
SETTLES_FOR = timedelta(minutes=5)
"""Time after a write in which a read may not show it yet."""
ERRORS_SETTLE_FOR = timedelta(seconds=120)
"""Time after a write in which an error may result from that write (checklist.toml J7)."""
ROLE_CAUSES = {
    Cause.DIRECTORY_ROLE_MISSING,
    Cause.EXCHANGE_CONSENT_MISSING,
    Cause.EXCHANGE_ROLE_MISSING,
    Cause.NOT_ALLOWED,
}
"""Causes that a new role or consent has until it is everywhere (platforms/microsoft.md 3.5, 7)."""
GO_WITH_SIGN_IN = frozenset({Reason.NEEDS_SIGN_IN, Reason.NOT_BY_ITSELF, Reason.NOT_AT_EXCHANGE})
"""Reasons for skipping a step that no longer apply after a sign-in."""


def needs_sign_in(finding: Finding) -> bool:
    return finding.state is State.SKIPPED and finding.reason in GO_WITH_SIGN_IN


def lacks_role(run: Run) -> bool:
    """Return whether the signed-in user lacks a role or consent that another may have."""
    unread = (each for each in run.findings.values() if each.state is State.UNKNOWN)
    return any(each.cause in ROLE_CAUSES and not each.until for each in unread)


def finding_from_error(step: Step, error: CloudError, run: Run) -> Finding:
    """Return the finding for a step that could not be inspected or changed.

    A temporary error is retried some times, never earlier than the cloud asked for, up to an hour.
    Without a connection (DNS, a certificate) it is retried until there is one: nobody in the tenant
    can act. For all other errors the administrator must act, or the bot's operator.
    """
    waited = run.waits.get(step.name, 0)
    passing = isinstance(error, errors.Transient | errors.MalformedAnswer)
    again = passing and (waited < len(AGAIN_S) or error.cause in errors.UNCONNECTED)
    acts = Turn.OPERATOR if known(error.cause).acts is Turn.OPERATOR else Turn.ADMINISTRATOR
    asked_s = min(error.retry_after or 0, LONGEST_PAUSE_S)
    pause = max(AGAIN_S[min(waited, len(AGAIN_S) - 1)], asked_s)
    own = error.message or error.code
    seen = verbatim(own) if own else Text(f"cause.{error.cause}")
    if error.cause == Cause.ANSWER_UNREADABLE:  # whose message is our own, for the evidence
        kind = "web_page" if "html" in own else "unreadable"
        seen = Text(f"seen.{kind}", {"service": f"key:evidence.{error.service}"})
    return Finding(
        step.name,
        State.UNKNOWN,
        seen=seen,
        cause=error.cause,
        evidence=error.evidence(),
        waiting_for=Turn.TIME if again else acts,
        until=now() + timedelta(seconds=pause) if again else None,
    )


def finding_in_check(step: Step, error: CloudError, run: Run, access: Access | None) -> Finding:
    """Return the finding; what the bot itself may not read says nothing about the channel."""
    if access is not Access.APP or not isinstance(error, errors.Forbidden | errors.SignInNeeded):
        return finding_from_error(step, error, run)
    if error.cause == Cause.APP_ACCESS_WITHDRAWN:
        return step.skipped(Reason.NEEDS_SIGN_IN)
    why = Reason.NOT_AT_EXCHANGE if error.service == "exchange" else Reason.NOT_BY_ITSELF
    return replace(step.skipped(why), evidence=error.evidence())


def may_be_replication(error: CloudError, run: Run, step: Step | None = None) -> bool:
    """Return whether the error may result from a recent change that has not been replicated yet.

    A missing role or consent may, for two minutes after a sign-in, which may have granted it, or a
    change of this run. Any other error may for the same time after a write of this run, answered
    or not; for five minutes if the directory itself reports a delay. Exchange replicates only an
    object that ``step`` has just made with a New- cmdlet (measured: a 404 for minutes).
    """
    if not error.can_be_replication:
        return False
    if error.cause in ROLE_CAUSES:
        moments = filter(None, (run.signed_in, *(change.done for change in run.changed.values())))
        return any(abs(now() - moment) < ERRORS_SETTLE_FOR for moment in moments)
    if error.service == "exchange":
        made = run.changed.get(step.name) if step and step.replicates else None
        just_made = made is not None and abs(now() - made.written) < SETTLES_FOR
        return just_made and isinstance(error, errors.NotFound)
    delayed = isinstance(error, errors.NotReplicatedYet)
    return wrote_within(run, SETTLES_FOR if delayed else ERRORS_SETTLE_FOR)


def wrote_within(run: Run, time: timedelta) -> bool:
    # a time in the future was written before the clock was set back, and says nothing
    return any(abs(now() - change.written) < time for change in run.changed.values())


LOST_AGAIN_S = 300.0
"""Seconds until the bot looks again at a lost fact, unless somebody presses Look again."""
DELETED_AGAIN_S = (*(LOST_AGAIN_S,) * 12, 1800.0)
"""Pauses between two looks at an object that was found to be deleted, in seconds."""
SETTLED_S = 60.0
"""Age in seconds from which a new object is looked at."""
HOLDS = frozenset({State.OK, State.WARNING})
DELETED = frozenset({Cause.APP_DELETED_MEANWHILE, Cause.SECRET_DELETED_MEANWHILE})


def is_deleted(run: Run) -> bool:
    return run.findings.get("application", UNSEEN).cause in DELETED


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
    given_out = bool(ctx.run.answer("token_saved")) or ctx.run.settled("token")
    if wanted_again and not (given_out and step.name == "application"):
        return None
    return replace(before, until=now() + timedelta(seconds=ctx.pause(step.name, DELETED_AGAIN_S)))


def lost(finding: Finding, before: Finding | None) -> Finding:
    """Return that an administrator must act on a fact that has ceased to hold."""
    return replace(
        finding,
        state=State.WAITING,
        waiting_for=Turn.ADMINISTRATOR,
        until=now() + timedelta(seconds=LOST_AGAIN_S),
        facts={**(before.facts if before else {}), **finding.facts},
    )


def waits_for_step(step: Step, other: str) -> Finding:
    return step.waits_for(Turn.NOBODY, Text("seen.after", {"step": f"key:step.{other}"}))


def is_watched(run: Run, step: Step) -> bool:
    if not step.deleted_cause or run.state_of(step.name) not in HOLDS:
        return False
    # of a secret whose app does not show, nobody knows whether it is gone alone
    if any(name in run.findings and not run.settled(name) for name in step.needs):
        return False
    done = run.changed[step.name].done if run.change_applied(step.name) else None
    return done is not None and done <= now() - timedelta(seconds=SETTLED_S)
