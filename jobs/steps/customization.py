"""M5: the organisation may be customized, without which M4 cannot be saved."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from jobs.model import Change, Finding, Scope, State, Station, Words
from jobs.step import Context, Step
from jobs.steps.outbound_policy import outbound


class Customization(Step):
    """``Enable-OrganizationCustomization`` has run, or M4 does not need it. Tenant-wide and irreversible: an approval of its own.

    ``IsDehydrated`` false is no proof that it has taken effect everywhere; M4 waits for that by itself (facts/microsoft.md 2.4).
    """

    name = "customization"
    row = "M5"
    group = "microsoft"
    checked = True
    essential = False
    station = Station.FORWARD
    needs = ("mailbox_user",)
    reads = ("View-Only Configuration",)
    writes = ("Organization Management",)

    async def inspect(self, ctx: Context) -> Finding:
        """Read ``IsDehydrated``, and whether M4 has anything to save at all."""
        rows, (applies, _) = await asyncio.gather(ctx.exchange.run("Get-OrganizationConfig", {}), outbound(ctx))
        if not rows or str(rows[0].get("IsDehydrated")).lower() != "true":
            return self.ok(Words("seen.customized"))
        if applies.forwards:
            unneeded = self.ok(Words("seen.customization_not_needed"))
            return replace(unneeded, state=State.WARNING) if ctx.run.kind == "check" else unneeded
        return replace(self.wrong(Words("seen.not_customized"), cause="customization_needed"), values={"enabled": "no"})

    def plan(self, ctx: Context, finding: Finding) -> tuple[Change, ...]:
        """The one line that reaches the whole tenant."""
        line = self.change(Words("seen.not_customized"), Words("after.customization"), Scope.TENANT, "Enable-OrganizationCustomization")
        return (replace(line, reversible=False, note=Words("note.customization"), warning=True),)

    async def apply(self, ctx: Context, finding: Finding) -> None:
        """Running it twice is an error that means success."""
        await ctx.exchange.run("Enable-OrganizationCustomization", {})
