"""E1, second half: the enterprise application, which Graph does not make by itself as the portal does."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from jobs.microsoft.graph_calls import promised
from jobs.microsoft.registration import redirect_uris
from jobs.model import Change, Finding, Scope, Words
from jobs.registered_app import Json, foreign, its_app
from jobs.run import Past
from jobs.step import Context, Step


class ServicePrincipal(Step):
    """The app has a service principal that is enabled and asks for no assignment (facts/microsoft.md 1.3)."""

    name = "service_principal"
    row = "E1"
    group = "entra"
    checked = True
    explains = frozenset({"app_not_found", "app_disabled", "user_not_assigned", "service_principal_not_ready", "consent_missing"})
    line = "application"
    needs = ("application",)
    reads = ("Application.Read.All",)
    writes = ("Application.ReadWrite.All",)

    async def inspect(self, ctx: Context) -> Finding:
        """Look it up by the app's client id."""
        principal = await ctx.graph.service_principal(ctx.fact("client_id"))
        return replace(self._judged(principal), values=_values(principal))

    def _judged(self, principal: Json | None) -> Finding:
        if principal is None:
            return self.wrong(Words("seen.none"), cause="app_not_found")
        facts = {"sp_id": promised(principal, "id")}
        if principal.get("accountEnabled") is False:
            return self.wrong(Words("seen.sp_disabled"), cause="app_disabled", **facts)
        if principal.get("appRoleAssignmentRequired"):
            return self.wrong(Words("seen.sp_assignment"), cause="user_not_assigned", **facts)
        return self.ok(Words("seen.service_principal"), **facts)

    def plan(self, ctx: Context, finding: Finding) -> tuple[Change, ...]:
        """Make it where it is missing; what somebody switched off stays for a person to decide."""
        if finding.facts:
            return ()
        return (self.change(Words("seen.none"), Words("after.service_principal"), Scope.APP, "Graph POST /servicePrincipals"),)

    async def apply(self, ctx: Context, finding: Finding) -> None:
        """Make it; a second one cannot come to be."""
        await ctx.graph.create_service_principal(ctx.fact("client_id"))

    async def undone(self, ctx: Context, past: Past) -> Finding:
        """Gone, unless somebody else has put something into its app, who needs it then."""
        principal, app = await asyncio.gather(ctx.graph.service_principal(ctx.fact("client_id")), its_app(ctx))
        strange = foreign(ctx, app, redirect_uris(app)) if principal and app else ""
        if strange:
            return self.left_alone(Words("seen.undo_principal_in_use", {"what": strange}))
        return self.compared(past, _values(principal), "key:seen.service_principal" if principal else "key:seen.none")

    def undo_command(self, ctx: Context, past: Past) -> str:
        """By its object id: what is deleted is what was made."""
        return f"Graph DELETE /servicePrincipals/{ctx.fact('sp_id')}"

    async def undo(self, ctx: Context, past: Past) -> None:
        """Delete it, and with it what it was granted."""
        await ctx.graph.delete_service_principal(ctx.fact("sp_id"))


def _values(principal: Json | None) -> dict[str, str]:
    return {"sp_id": str((principal or {}).get("id", ""))}
