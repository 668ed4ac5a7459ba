"""M4: automatic forwarding to the outside is allowed for this one sender."""

from __future__ import annotations

import asyncio

from jobs.microsoft.errors import CloudError
from jobs.microsoft.exchange import Row
from jobs.microsoft.outbound import Applies, applies_to, named, policy_name
from jobs.model import Change, Finding, Scope, Station, Turn, Words
from jobs.step import Context, Step

POLICY, RULE = "HostedOutboundSpamFilterPolicy", "HostedOutboundSpamFilterRule"
CUSTOMIZATION_S = (5.0, 10, 20, 40, 60, 120, 300, 600, 1800, 3600)
"""Pauses while the organisation's customization takes effect, in seconds; Microsoft says up to 24 hours (facts/microsoft.md 2.4)."""
DAY_TRIES = 32


class OutboundPolicy(Step):
    """The policy that really applies says ``On``; ``Automatic`` counts as off. Never the Default policy (facts/microsoft.md 2.3)."""

    name = "outbound_policy"
    row = "M4"
    group = "microsoft"
    checked = True
    explains = frozenset({"forwarding_blocked"})
    station = Station.FORWARD
    needs = ("mailbox_user",)
    after = ("customization",)
    reads = ("Security Reader",)
    writes = ("Security Administrator",)

    async def inspect(self, ctx: Context) -> Finding:
        """Evaluate the rules by priority."""
        applies, _ = await outbound(ctx)
        values = {"mode": applies.mode, "policy": applies.name or "Default"}
        if applies.forwards:
            return self.ok(Words("seen.outbound", values))
        return self.wrong(Words("seen.outbound", values), cause="forwarding_blocked")

    def plan(self, ctx: Context, finding: Finding) -> tuple[Change, ...]:
        """A policy and a rule of its own for one sender, on top of the others."""
        name, mailbox = policy_name(ctx.channel.mailbox), ctx.channel.mailbox
        command = f"New-{POLICY} '{name}' -AutoForwardingMode On; New-{RULE} '{name}' -{POLICY} '{name}' -From {mailbox} -Priority 0"
        return (self.change(finding.seen or Words("seen.none"), Words("after.outbound_policy"), Scope.MAILBOX, command),)

    async def apply(self, ctx: Context, finding: Finding) -> None:
        """Two steps that are not one: each is looked for by its name first, so a second try completes the first."""
        applies, (policies, rules) = await outbound(ctx)
        name = policy_name(ctx.channel.mailbox)
        if named(policies, name) is None:
            limits = {**applies.limits(), "Name": name, "AutoForwardingMode": "On"}
            await ctx.exchange.run(f"New-{POLICY}", limits)
        else:
            await ctx.exchange.run(f"Set-{POLICY}", {"Identity": name, "AutoForwardingMode": "On"})
        if named(rules, name) is None:
            rule = {"Name": name, POLICY: name, "From": [ctx.channel.mailbox], "Priority": 0}
            await ctx.exchange.run(f"New-{RULE}", rule)
        else:
            await ctx.exchange.run(f"Set-{RULE}", {"Identity": name, "From": [ctx.channel.mailbox], "Priority": 0})

    def trouble(self, ctx: Context, error: CloudError) -> Finding | None:
        """The organisation is not customized yet, although M5 ran and says so: wait, up to a day."""
        if error.cause != "customization_needed" or ctx.run.waits.get(self.name, 0) > DAY_TRIES:
            return None
        return self.waits_for(Turn.TIME, Words("seen.customization_takes"), again_s=ctx.pause(self.name, CUSTOMIZATION_S))


async def outbound(ctx: Context) -> tuple[Applies, tuple[list[Row], list[Row]]]:
    """What applies to the mailbox, and all policies and rules."""
    policies, rules = await asyncio.gather(ctx.exchange.run(f"Get-{POLICY}", {}), ctx.exchange.run(f"Get-{RULE}", {}))
    return applies_to(ctx.channel.mailbox, policies, rules), (policies, rules)
