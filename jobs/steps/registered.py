"""C7: saved and registered to Webex Engage. It cannot be changed afterwards, so the card warns before."""

from __future__ import annotations

from jobs.engine.step import Context, Step
from jobs.model import Finding, Turn, Words


class Registered(Step):
    """The requester says that the asset is registered with a service (facts/connect.md 1.5)."""

    name = "registered"
    row = "C7"
    group = "connect"
    line = "mailbox_fields"
    needs = ("token",)
    automatic = False

    async def inspect(self, ctx: Context) -> Finding:
        """A person's word, proven by V2."""
        if not ctx.run.answer("registered"):
            return self.waits_for(Turn.REQUESTER, Words("seen.not_registered"))
        return self.ok(Words("seen.said_by_requester"))
