"""Restriction of the mailbox by Exchange for sending spam.

While it lasts, no copy and no answer leaves the mailbox.
"""

from __future__ import annotations

from dataclasses import replace

from jobs.causes.cause import Cause
from jobs.clouds.errors import Forbidden, NotFound, Rejected
from jobs.clouds.json_values import lower_of, text_of
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.step import Probe
from jobs.model import Evidence, Finding, Station, Text


class RestrictedSender(Probe):
    """Probe for the restricted entities: 550 5.1.8 (platforms/microsoft.md 2.3)."""

    name = "restricted_sender"
    article_row = "RS"
    needs = ("mailbox_user",)
    reads = ("View-Only Configuration",)
    diagnosis = Diagnosis(
        station=Station.FORWARD,
        explains=frozenset({Cause.SENDER_RESTRICTED, Cause.MAIL_NOT_DELIVERED}),
    )

    async def inspect(self, ctx: StepContext) -> Finding:
        """Read all of them, because for one in good standing Exchange says "not found"."""
        try:
            rows = await ctx.exchange.run("Get-BlockedSenderAddress", {})
        except (Forbidden, NotFound, Rejected):
            return self.skipped(Text("skipped.restricted_sender"))
        own = {ctx.channel.mailbox, ctx.fact("upn").lower()}
        found = next((row for row in rows if lower_of(row, "SenderAddress") in own), None)
        if found is None:
            return self.ok(Text("seen.not_restricted"))
        reason = text_of(found, "Reason")
        wrong = self.wrong(Text("seen.restricted"), cause=Cause.SENDER_RESTRICTED)
        return replace(wrong, evidence=(Evidence("exchange", reason),) if reason else ())
