"""C7: saved and registered to Webex Engage. This is irreversible, so the card warns first."""

from __future__ import annotations

from jobs.engine.context import StepContext
from jobs.engine.step import Step
from jobs.model import Finding, Text, Turn


class Registered(Step):
    """The asset is registered with a service, according to the requester (facts/connect.md 1.5)."""

    name = "registered"
    article_row = "C7"
    group = "connect"
    shown_in = "mailbox_fields"
    needs = ("token",)
    automatic = False

    async def inspect(self, ctx: StepContext) -> Finding:
        """Check the requester's confirmation, which V2 proves."""
        if not ctx.run.answer("registered"):
            return self.waits_for(Turn.REQUESTER, Text("seen.not_registered"))
        return self.ok(Text("seen.said_by_requester"))
