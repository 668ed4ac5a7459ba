"""What an error of a cloud means for a step: look again by ourselves, or a person has to act."""

from __future__ import annotations

from datetime import timedelta

from jobs.clock import now
from jobs.microsoft.errors import CloudError, NotFound, Settling, Transient, Unreadable
from jobs.model import Finding, State, Turn, verbatim
from jobs.run import Run
from jobs.step import Step

AGAIN_S = (5, 15, 30, 60, 120, 300, 600)
"""Pauses before a step that a cloud kept from looking is tried again by itself, in seconds; then a person is asked."""
SETTLES_FOR = timedelta(minutes=5)


def finding_of(step: Step, error: CloudError, run: Run) -> Finding:
    """The step could not be looked at or changed: unknown, with the cloud's own words as evidence.

    What may pass by itself is tried again a bounded number of times; everything else waits for the administrator.
    """
    waited = run.waits.get(step.name, 0)
    again = isinstance(error, Transient | Unreadable) and waited < len(AGAIN_S)
    return Finding(
        step.name,
        State.UNKNOWN,
        seen=verbatim(error.message or error.code or error.cause),
        cause=error.cause,
        evidence=error.evidence(),
        waiting_for=Turn.TIME if again else Turn.ADMINISTRATOR,
        until=now() + timedelta(seconds=AGAIN_S[waited]) if again else None,
    )


def settles(error: CloudError, run: Run) -> bool:
    """Whether the error can come from a write of this run that the directory has not replicated yet (facts/microsoft.md 7).

    Only within five minutes of such a write; Exchange does not replicate that way.
    """
    if error.service == "exchange" or not isinstance(error, Settling | NotFound):
        return False
    return any(now() - (change.done or change.begun) < SETTLES_FOR for change in run.changed.values())
