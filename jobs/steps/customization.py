"""Step M5: the organization can be customized. Without this, M4 cannot be saved."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from jobs.causes.cause import Cause
from jobs.clouds.errors import Forbidden
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.step import Step
from jobs.microsoft.outbound_spam import EffectivePolicy
from jobs.model import Change, Finding, Reason, RunKind, Scope, State, Station, Text
from jobs.steps.outbound_policy import outbound


class Customization(Step):
    """Step M5: ``Enable-OrganizationCustomization`` has run, or M4 does not need it.

    The change is tenant-wide and irreversible, so it has its own approval. ``IsDehydrated`` is not
    proof. If it is false and M4 is refused anyway, this step is required. If it is true after the
    cmdlet has run, or has said that it is not required, nothing is left to run. M4 itself waits
    until the change has taken effect everywhere (platforms/microsoft.md 2.4).
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
        """Read ``IsDehydrated``, and whether M4 has anything to save at all.

        If the tenant does not reveal ``IsDehydrated``, M4 shows whether customization is needed.
        """
        if ctx.run.change_applied(self.name):
            return self.ok(Text("seen.customized"))
        if self.name in ctx.run.demanded:
            return self._needed(Reason.DEMANDED)
        dehydrated, there = await asyncio.gather(_dehydrated(ctx), outbound(ctx))
        if dehydrated:
            return self._not_customized(ctx, there.applies)
        return (
            self.skipped(Text("skipped.customization_untold"))
            if dehydrated is None
            else self.ok(Text("seen.customized"))
        )

    def _not_customized(self, ctx: StepContext, applies: EffectivePolicy) -> Finding:
        """Return the finding for a tenant that is not customized.

        The tenant needs no customization if M4 has nothing to save.
        """
        if applies.forwards:
            unneeded = self.ok(Text("seen.customization_not_needed"))
            checks = ctx.run.kind is RunKind.CHECK
            return replace(unneeded, state=State.WARNING) if checks else unneeded
        return self._needed(Text("seen.not_customized"))

    def _needed(self, seen: Text | Reason) -> Finding:
        return replace(self.wrong(seen, cause=Cause.CUSTOMIZATION_NEEDED), values={"enabled": "no"})

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        demanded = finding.reason is Reason.DEMANDED
        before = Reason.DEMANDED.text() if demanded else Text("seen.not_customized")
        line = self.change(
            before, Text("after.customization"), Scope.TENANT, "Enable-OrganizationCustomization"
        )
        return (replace(line, reversible=False, note=Text("note.customization"), warning=True),)

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        """Run Enable-OrganizationCustomization, whose error on a second run means success."""
        await ctx.exchange.run("Enable-OrganizationCustomization", {})


async def _dehydrated(ctx: StepContext) -> bool | None:
    try:
        organization, *_ = await ctx.exchange.run("Get-OrganizationConfig", {})
    except Forbidden:
        return None
    return {"true": True, "false": False}.get(str(organization.get("IsDehydrated")).lower())
