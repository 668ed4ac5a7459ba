"""Changes in Webex Connect shortly before mail stopped, from its audit log.

A change is a suspect and never a proof, because the log does not show the values. So the finding is
at most possible, and nothing makes it certain.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from jobs.causes.cause import Cause
from jobs.clock import now
from jobs.clouds.errors import CloudError
from jobs.contact_center.services import ConnectChanges as Changes, read_changes
from jobs.engine.step import Diagnosis, Probe, StepContext
from jobs.model import (
    NO_SIGNALS,
    ConnectChange,
    Evidence,
    Finding,
    Reason,
    Signals,
    State,
    Text,
    second_of,
)

BACK_DAYS = 7
MOST = 30
"""Number of the newest changes that a finding keeps."""
ENDS = ("agent_tasks", "answers")
"""Findings with the newest mail on the way into Webex Connect and on the way out."""
WITHOUT = ("mail_to_task", "sign_ins")
"""Findings with the time since which mail does not get through or Webex Connect gets no token."""
LATE = timedelta(minutes=90)
"""Longest time for which mail may go on after a change of the app (platforms/microsoft.md 4).

Until then Webex Connect may still have the token from before the change.
"""
SLOW = ("app", "authorizationintegration", "credential")
"""Endings of the names of actions that may take effect only after :data:`LATE`.

All other actions take effect at once.
"""
SLACK = timedelta(minutes=1)
"""Largest expected difference between the clouds' clocks."""
REASONS = {
    400: "audit_request",
    401: "audit_token",
    403: "audit_forbidden",
    404: "audit_not_found",
    405: "audit_not_found",
}
"""Texts on why the log was not read, by the status of its answer, which will stay the same."""


class SuspectDiagnosis(Diagnosis):
    """Diagnosis of changes that suspects only those between the last good mail and a bad sign."""

    def among(self, finding: Finding, findings: Mapping[str, Finding]) -> Finding:
        """Return the finding with only the suspect changes, or unchanged if there are none.

        No change is suspect before the newest mail is known.
        """
        if finding.state is not State.OK or not findings.keys() >= {*ENDS}:
            return finding
        suspects = _suspects(finding.signals.changes, findings)
        return _possible(finding, suspects) if suspects else finding


class ConnectChanges(Probe, row="connect_changes"):
    """Probe that checks whether a change in Webex Connect may have stopped mail.

    Source: platforms/connect.md 2.3.
    """

    diagnosis: SuspectDiagnosis

    async def inspect(self, ctx: StepContext) -> Finding:
        """Read the audit log if its address is configured. An unreadable log says nothing."""
        if not ctx.settings.connect_audit_url:
            return self.skipped(Text("skipped.no_audit_log"))
        try:
            since, read = now() - timedelta(days=BACK_DAYS), read_changes
            found = await ctx.reads.read("connect audit", lambda: read(ctx.settings, since, now()))
        except CloudError as error:
            lasting = REASONS.get(error.status or 0)
            why = Text(f"skipped.{lasting}") if lasting else Reason.LOG_AWAY
            return self.skipped(why, evidence=(Evidence("connect-audit", str(error)),))
        # until a setup or a fix ends, the channel's people change the app, which they register last
        token = ctx.run.brief.token_at
        proven = ctx.channels.record(ctx.channel.mailbox) if token else None
        return self._later_changes(found, max(token, proven.at) if token and proven else token)

    def _later_changes(self, found: Changes, since: datetime | None) -> Finding:
        later = tuple(change for change in found.rows if since is None or change.at > since)
        if not later:
            return self.ok(Text("seen.connect_unchanged", {"days": str(BACK_DAYS)}))
        values = {"count": str(len(later)), "at": second_of(later[0].at)}
        seen = Text("seen.connect_changed" if found.whole else "seen.connect_changed_cut", values)
        return self.ok(seen, signals=Signals(changes=later[:MOST]))


def _possible(finding: Finding, suspects: tuple[ConnectChange, ...]) -> Finding:
    newest = suspects[0]
    values = {"event": newest.event, "by": newest.by, "at": second_of(newest.at)}
    return replace(
        finding,
        state=State.POSSIBLE,
        cause=Cause.CONNECT_CHANGED,
        seen=Text("seen.connect_suspect", values),
        expected=Text(f"expected.{finding.step}"),
        signals=Signals(changes=suspects),
    )


def _suspects(
    changes: tuple[ConnectChange, ...], findings: Mapping[str, Finding]
) -> tuple[ConnectChange, ...]:
    """Return the changes between the last good mail and the first bad sign after it.

    The last good mail is the older one of the newest mails in both directions. Without a good mail
    or a bad sign, the time has an open end.
    """
    good = min(filter(None, (findings[name].signals.at for name in ENDS)), default=None)
    bad = min(
        (at for at in _bad_signs(findings) if good is None or at > good - SLACK), default=None
    )
    if bad:
        changes = tuple(change for change in changes if change.at <= bad + SLACK)
    return tuple(
        change
        for change in changes
        for lag in (LATE if bad and change.event.lower().endswith(SLOW) else timedelta(0),)
        if good is None or change.at > good - lag
    )


def _bad_signs(findings: Mapping[str, Finding]) -> Iterator[datetime]:
    answers = findings["answers"].signals
    signs = [answers.unanswered, answers.unproven]
    for name in (*WITHOUT, "answers"):
        finding = findings.get(name)
        signals = finding.signals if finding and finding.state is State.WRONG else NO_SIGNALS
        signs += [signals.missed_since or signals.since]
    yield from filter(None, signs)
