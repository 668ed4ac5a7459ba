"""C2: the two addresses that Webex Connect generates."""

from __future__ import annotations

from jobs.engine.context import StepContext
from jobs.engine.step import Step
from jobs.model import Finding, Text, Turn


class Addresses(Step):
    """The Call Back URL and the Forwarding Address are known.

    They were validated when they were typed (:mod:`jobs.channel.form`).
    """

    name = "addresses"
    article_row = "C2"
    group = "connect"
    shown_in = "email_app"

    async def inspect(self, ctx: StepContext) -> Finding:
        """Check that both addresses are known."""
        channel = ctx.channel
        if not (channel.callback_url and channel.forwarding_address):
            return self.waits_for(Turn.REQUESTER)
        return self.ok(
            Text(
                "seen.addresses",
                {"callback": channel.callback_url, "forwarding": channel.forwarding_address},
            )
        )
