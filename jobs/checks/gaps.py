"""Findings that a check could not read: their number, and whether a sign-in reads them.

The card of a check, the list of channels and the support file all give the same number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jobs.engine.inspector import GO_WITH_SIGN_IN
from jobs.engine.step import Step
from jobs.microsoft.scopes import app_may_read
from jobs.model import Finding, Reason, State

MISSING = GO_WITH_SIGN_IN | {Reason.NEEDS_OTHER}
"""Reasons for which a finding was skipped, although there is something to read."""


@dataclass(frozen=True, slots=True)
class Gaps:
    """Number of unread findings, and whether an administrator's sign-in reads all of them."""

    count: int = 0
    by_sign_in: bool = False


def gaps(steps: Mapping[str, Step], found: Mapping[str, Finding]) -> Gaps:
    """Return the gaps of a check; none if the bot's own access reads all that it can.

    Features that are not configured, and findings with nothing to read, are not gaps.
    """
    if not any(_left_out(steps[name], finding) for name, finding in found.items()):
        return Gaps()
    unread = [finding for finding in found.values() if _is_unread(finding)]
    return Gaps(len(unread), all(finding.reason in GO_WITH_SIGN_IN for finding in unread))


def _is_unread(finding: Finding) -> bool:
    """Return whether a sign-in, an answer or another finding is missing."""
    skipped = finding.state is State.SKIPPED and finding.reason in MISSING
    return skipped or finding.state is State.UNKNOWN


def _left_out(step: Step, finding: Finding) -> bool:
    """Return whether a finding could have been determined even without a sign-in, but was not."""
    if not _is_unread(finding):
        return False
    return finding.reason not in GO_WITH_SIGN_IN or app_may_read(step.reads)
