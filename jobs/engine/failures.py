"""What an error of a cloud means for a step: look again by ourselves, or a person has to act."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from jobs.clock import now
from jobs.clouds.cause_codes import causes
from jobs.clouds.errors import CloudError, MalformedAnswer, NotReplicatedYet, Transient
from jobs.engine.step import Step
from jobs.model import Finding, State, Text, Turn, verbatim
from jobs.runs.run import Run
from jobs.storage.due_list import LONGEST_PAUSE_S

AGAIN_S = (5, 15, 30, 60, 120, 300, 600)
"""Pauses before a step that a cloud kept from looking is tried again by itself, in seconds; then a person is asked."""
SETTLES_FOR = timedelta(minutes=5)
"""How long a read may not show what was written."""
ERRORS_SETTLE_FOR = timedelta(seconds=120)
"""How long an error may come from what was written (CHECKLIST J7); after that it is one. What the directory itself calls settling has longer."""
ROLE_CAUSES = causes("directory_role_missing", "exchange_consent_missing", "exchange_role_missing", "not_allowed")
"""How a role or a consent looks that was given a moment ago and has not arrived everywhere (facts/microsoft.md 3.5 and 7)."""
NEEDS_SIGN_IN, NOT_BY_ITSELF, NOT_AT_EXCHANGE = (Text(f"skipped.{why}") for why in ("needs_sign_in", "not_by_itself", "not_at_exchange"))
GO_WITH_SIGN_IN = (NEEDS_SIGN_IN, NOT_BY_ITSELF, NOT_AT_EXCHANGE)
"""Reasons that a sign-in takes away."""


def lacks_role(run: Run) -> bool:
    """Whether who is signed in was refused something for want of a role or a consent, which somebody else may have."""
    return any(f.state is State.UNKNOWN and f.cause in ROLE_CAUSES and not f.until for f in run.findings.values())


def finding_from_error(step: Step, error: CloudError, run: Run) -> Finding:
    """The step could not be looked at or changed: unknown, with the cloud's own words as evidence.

    What may pass by itself is tried again a bounded number of times, never sooner than the cloud asked for, up to an hour: nobody
    means three years. Everything else waits for the administrator.
    """
    waited = run.waits.get(step.name, 0)
    again = isinstance(error, Transient | MalformedAnswer) and waited < len(AGAIN_S)
    return Finding(
        step.name,
        State.UNKNOWN,
        seen=_error_text(error),
        cause=error.cause,
        evidence=error.evidence(),
        waiting_for=Turn.TIME if again else Turn.ADMINISTRATOR,
        until=now() + timedelta(seconds=_pause(error, waited)) if again else None,
    )


def _pause(error: CloudError, waited: int) -> float:
    return max(AGAIN_S[waited], min(error.retry_after or 0, LONGEST_PAUSE_S))


def _error_text(error: CloudError) -> Text:
    """The cloud's own words; where we did not even ask, ours."""
    own = error.message or error.code
    return verbatim(own) if own else Text(f"cause.{error.cause}")


def not_readable(step: Step, error: CloudError) -> Finding:
    """What the bot's own access may not read is left out, with the reason: that the bot may not look says nothing about the channel."""
    if error.cause == "app_access_withdrawn":
        return step.skipped(NEEDS_SIGN_IN)
    words = NOT_AT_EXCHANGE if error.service == "exchange" else NOT_BY_ITSELF
    return replace(step.skipped(words), evidence=error.evidence())


def may_be_replication(error: CloudError, run: Run) -> bool:
    """Whether the error can come from what was done a moment ago and has not arrived everywhere yet (facts/microsoft.md 7).

    A missing role or consent: for two minutes after the sign-in, for which it may just have been given, or after a change that
    this run has made. Anything else: for as long after a write of this run, be it one whose answer never came, and for five
    minutes where the directory itself says so; Exchange does not replicate that way.
    """
    if not error.can_be_replication:
        return False
    if error.cause in ROLE_CAUSES:
        made = [change.done for change in run.changed.values() if change.done]
        return any(now() - moment < ERRORS_SETTLE_FOR for moment in (*made, *([run.signed_in] if run.signed_in else ())))
    return error.service != "exchange" and wrote_within(run, SETTLES_FOR if isinstance(error, NotReplicatedYet) else ERRORS_SETTLE_FOR)


def wrote_within(run: Run, time: timedelta) -> bool:
    """Whether the run has written something, or tried to, no longer ago than that."""
    return any(now() - change.written < time for change in run.changed.values())


def never_effective(step: Step) -> Finding:
    """What was made some times and was never seen in force is not made for ever."""
    return Finding(step.name, State.UNKNOWN, seen=Text("seen.never_shown"), cause="change_never_shown", waiting_for=Turn.ADMINISTRATOR)
