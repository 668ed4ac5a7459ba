"""M5: the organisation may be customized, without which M4 cannot be saved."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from jobs.microsoft.exchange import Row
from jobs.model import Change, Finding, Scope, State, Station, Words
from jobs.step import DEMANDED, Context, Step
from jobs.steps.outbound_policy import outbound


class Customization(Step):
    """``Enable-OrganizationCustomization`` has run, or M4 does not need it. Tenant-wide and irreversible: an approval of its own.

    ``IsDehydrated`` false is no proof: where M4 is refused all the same, this step is asked for, and M4 waits by itself until it
    has taken effect everywhere (facts/microsoft.md 2.4).
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
        """Read ``IsDehydrated``, and whether M4 has anything to save at all. A tenant that does not tell is shown by M4."""
        rows, (applies, _) = await asyncio.gather(ctx.exchange.run("Get-OrganizationConfig", {}), outbound(ctx))
        dehydrated = _dehydrated(rows)
        if self.name in ctx.run.demanded and not ctx.run.made(self.name):
            return self._needed(DEMANDED)
        if dehydrated is None:
            return self.skipped(Words("skipped.customization_untold"))
        if not dehydrated:
            return self.ok(Words("seen.customized"))
        if applies.forwards:
            unneeded = self.ok(Words("seen.customization_not_needed"))
            return replace(unneeded, state=State.WARNING) if ctx.run.kind == "check" else unneeded
        return self._needed(Words("seen.not_customized"))

    def _needed(self, seen: Words) -> Finding:
        return replace(self.wrong(seen, cause="customization_needed"), values={"enabled": "no"})

    def plan(self, ctx: Context, finding: Finding) -> tuple[Change, ...]:
        """The one line that reaches the whole tenant."""
        before = DEMANDED if finding.seen == DEMANDED else Words("seen.not_customized")
        line = self.change(before, Words("after.customization"), Scope.TENANT, "Enable-OrganizationCustomization")
        return (replace(line, reversible=False, note=Words("note.customization"), warning=True),)

    async def apply(self, ctx: Context, finding: Finding) -> None:
        """Running it twice is an error that means success."""
        await ctx.exchange.run("Enable-OrganizationCustomization", {})


def _dehydrated(rows: list[Row]) -> bool | None:
    value = str(rows[0].get("IsDehydrated")).lower() if rows else ""
    return {"true": True, "false": False}.get(value)
