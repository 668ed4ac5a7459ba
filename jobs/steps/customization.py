"""M5: the organisation may be customized, without which M4 cannot be saved."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from jobs.clouds.errors import Forbidden
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.step import REQUIRED_ELSEWHERE, Step
from jobs.model import Change, Finding, RunKind, Scope, State, Station, Text
from jobs.steps.outbound_policy import outbound


class Customization(Step):
    """``Enable-OrganizationCustomization`` has run, or M4 does not need it. Tenant-wide and irreversible: an approval of its own.

    ``IsDehydrated`` is no proof: false, where M4 is refused all the same, this step is asked for; true, after the cmdlet has run or has
    said that it is not required, there is nothing more to run. M4 waits by itself until it has taken effect everywhere
    (facts/microsoft.md 2.4).
    """

    name = "customization"
    article_row = "M5"
    group = "microsoft"
    needs = ("mailbox_user",)
    reads = ("View-Only Configuration",)
    writes = ("Organization Management",)
    diagnosis = Diagnosis(
        stops_mail=False,
        station=Station.FORWARD,
    )

    async def inspect(self, ctx: StepContext) -> Finding:
        """Read ``IsDehydrated``, and whether M4 has anything to save at all. A tenant that does not tell is shown by M4."""
        if ctx.run.change_applied(self.name):
            return self.ok(Text("seen.customized"))
        if self.name in ctx.run.demanded:
            return self._needed(REQUIRED_ELSEWHERE)
        dehydrated, there = await asyncio.gather(_dehydrated(ctx), outbound(ctx))
        if dehydrated is None:
            return self.skipped(Text("skipped.customization_untold"))
        if not dehydrated:
            return self.ok(Text("seen.customized"))
        if there.applies.forwards:
            unneeded = self.ok(Text("seen.customization_not_needed"))
            return replace(unneeded, state=State.WARNING) if ctx.run.kind is RunKind.CHECK else unneeded
        return self._needed(Text("seen.not_customized"))

    def _needed(self, seen: Text) -> Finding:
        return replace(self.wrong(seen, cause="customization_needed"), values={"enabled": "no"})

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        """The one line that reaches the whole tenant."""
        before = REQUIRED_ELSEWHERE if finding.seen == REQUIRED_ELSEWHERE else Text("seen.not_customized")
        line = self.change(before, Text("after.customization"), Scope.TENANT, "Enable-OrganizationCustomization")
        return (replace(line, reversible=False, note=Text("note.customization"), warning=True),)

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        """Running it twice is an error that means success."""
        await ctx.exchange.run("Enable-OrganizationCustomization", {})


async def _dehydrated(ctx: StepContext) -> bool | None:
    """None where the tenant does not tell, or not to whoever asks."""
    try:
        rows = await ctx.exchange.run("Get-OrganizationConfig", {})
    except Forbidden:
        return None
    value = str(rows[0].get("IsDehydrated")).lower() if rows else ""
    return {"true": True, "false": False}.get(value)
