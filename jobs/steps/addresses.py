"""Step C2: the two addresses that Webex Connect generates."""

from __future__ import annotations

from dataclasses import replace

from jobs.channel.hand_made import is_found_by_check
from jobs.channel.in_use import channels_with_address
from jobs.engine.context import StepContext
from jobs.engine.step import Step
from jobs.model import Finding, Text, Turn


class Addresses(Step):
    """Step C2: the Call Back URL and the Forwarding Address are known.

    They were validated when they were typed (:mod:`jobs.channel.form`).
    """

    name = "addresses"
    article_row = "C2"
    group = "connect"
    shown_in = "email_app"

    async def inspect(self, ctx: StepContext) -> Finding:
        """Check that both addresses are known, and look for other channels that have them."""
        channel = ctx.channel
        if not (channel.callback_url and channel.forwarding_address):
            return self._partly(ctx)
        seen = Text(
            "seen.addresses",
            {"callback": channel.callback_url, "forwarding": channel.forwarding_address},
        )
        return replace(self.ok(seen), evidence=channels_with_address(ctx))

    def _partly(self, ctx: StepContext) -> Finding:
        """Return the finding for a missing address.

        A setup waits for the address. The check of a channel that was made by hand goes on without
        it: each step says itself which fact it lacks.
        """
        if not is_found_by_check(ctx):
            return self.waits_for(Turn.REQUESTER)
        return replace(self.skipped(Text("skipped.not_found")), facts={"addresses": "partly"})
