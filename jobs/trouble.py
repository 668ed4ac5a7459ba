"""What an error of a cloud means for a step: look again by ourselves, or a person has to act."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from jobs.clock import now
from jobs.microsoft.errors import CloudError, NotFound, Settling, Transient, Unreadable
from jobs.model import Finding, State, Turn, Words, verbatim
from jobs.run import Run
from jobs.step import Step
from jobs.store import LONGEST_PAUSE_S

AGAIN_S = (5, 15, 30, 60, 120, 300, 600)
"""Pauses before a step that a cloud kept from looking is tried again by itself, in seconds; then a person is asked."""
SETTLES_FOR = timedelta(minutes=5)
"""How long a read may not show what was written."""
ERRORS_SETTLE_FOR = timedelta(seconds=120)
"""How long an error may come from what was written (CHECKLIST J7); after that it is one."""
NEEDS_SIGN_IN, NOT_BY_ITSELF, NOT_AT_EXCHANGE = (Words(f"skipped.{why}") for why in ("needs_sign_in", "not_by_itself", "not_at_exchange"))
"""Reasons that a sign-in takes away."""


def finding_of(step: Step, error: CloudError, run: Run) -> Finding:
    """The step could not be looked at or changed: unknown, with the cloud's own words as evidence.

    What may pass by itself is tried again a bounded number of times, never sooner than the cloud asked for, up to an hour: nobody
    means three years. Everything else waits for the administrator.
    """
    waited = run.waits.get(step.name, 0)
    again = isinstance(error, Transient | Unreadable) and waited < len(AGAIN_S)
    return Finding(
        step.name,
        State.UNKNOWN,
        seen=_told(error),
        cause=error.cause,
        evidence=error.evidence(),
        waiting_for=Turn.TIME if again else Turn.ADMINISTRATOR,
        until=now() + timedelta(seconds=_pause(error, waited)) if again else None,
    )


def _pause(error: CloudError, waited: int) -> float:
    return max(AGAIN_S[waited], min(error.retry_after or 0, LONGEST_PAUSE_S))


def _told(error: CloudError) -> Words:
    """The cloud's own words; where we did not even ask, ours."""
    own = error.message or error.code
    return verbatim(own) if own else Words(f"cause.{error.cause}")


def refused(step: Step, error: CloudError) -> Finding:
    """What the bot's own access may not read is left out, with the reason: that the bot may not look says nothing about the channel."""
    if error.cause == "app_access_withdrawn":
        return step.skipped(NEEDS_SIGN_IN)
    words = NOT_AT_EXCHANGE if error.service == "exchange" else NOT_BY_ITSELF
    return replace(step.skipped(words), evidence=error.evidence())


def settles(error: CloudError, run: Run) -> bool:
    """Whether the error can come from a write of this run that the directory has not replicated yet (facts/microsoft.md 7).

    Only within two minutes of such a write; Exchange does not replicate that way.
    """
    if error.service == "exchange" or not isinstance(error, Settling | NotFound):
        return False
    return any(now() - (change.done or change.begun) < ERRORS_SETTLE_FOR for change in run.changed.values())
