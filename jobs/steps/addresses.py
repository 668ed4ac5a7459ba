"""Step C2: the two addresses that Webex Connect generates."""

from __future__ import annotations

from dataclasses import replace

from jobs.channel.hand_made import is_found_by_check
from jobs.channel.in_use import channels_with_address
from jobs.engine.context import StepContext
from jobs.engine.step import Step
from jobs.model import Finding, Text, Turn


class Addresses(Step):
    """Step C2: the Call Back URL and Forwarding Address, valid since the form, are known."""

    name = "addresses"
    article_row = "C2"
    group = "connect"
    shown_in = "email_app"

    async def inspect(self, ctx: StepContext) -> Finding:
        channel = ctx.channel
        if not (channel.callback_url and channel.forwarding_address):
            return self._partly(ctx)
        seen = Text(
            "seen.addresses",
            {"callback": channel.callback_url, "forwarding": channel.forwarding_address},
        )
        return replace(self.ok(seen), evidence=channels_with_address(ctx))

    def _partly(self, ctx: StepContext) -> Finding:
        """Return that a setup waits; a check of a channel made by hand goes on without it."""
        if not is_found_by_check(ctx):
            return self.waits_for(Turn.REQUESTER)
        return replace(self.skipped(Text("skipped.not_found")), facts={"addresses": "partly"})
