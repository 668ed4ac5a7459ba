"""E5: ``SMTP.Send`` for the one mailbox user, granted before anybody is asked, so that the tenant's user-consent policy does not matter."""

from __future__ import annotations

import asyncio

from jobs.microsoft.errors import AlreadyThere
from jobs.model import Change, Finding, Scope, Words
from jobs.step import Context, Step

SMTP = frozenset({"SMTP.Send"})
SIGN_IN = frozenset({"offline_access", "openid", "profile"})


class SmtpGrant(Step):
    """A delegated grant (oauth2PermissionGrants, consentType Principal), in both profiles (facts/microsoft.md 1.5)."""

    name = "smtp_grant"
    row = "E5"
    group = "entra"
    checked = True
    explains = frozenset({"consent_missing", "consent_declined", "admin_consent_required", "smtp_token_refused"})
    needs = ("service_principal", "mailbox_user", "permissions")
    reads = ("Directory.Read.All",)
    writes = ("DelegatedPermissionGrant.ReadWrite.All",)

    async def inspect(self, ctx: Context) -> Finding:
        """Read the app's grants, for this user or for everybody."""
        grants = await ctx.graph.grants(ctx.fact("sp_id"))
        missing = [need for need in self._wanted(ctx) if not self._granted(ctx, grants, *need)]
        return (
            self.wrong(Words("seen.none"), cause="consent_missing")
            if missing
            else self.ok(Words("seen.smtp_grant", {"user": ctx.fact("upn")}))
        )

    def plan(self, ctx: Context, finding: Finding) -> tuple[Change, ...]:
        """For one user; nobody else can use the app to send."""
        after = Words("after.smtp_grant", {"user": ctx.channel.mailbox})
        return (
            self.change(Words("seen.none"), after, Scope.APP, "Graph POST /oauth2PermissionGrants, consentType Principal, scope SMTP.Send"),
        )

    async def apply(self, ctx: Context, finding: Finding) -> None:
        """One grant per resource; a grant that is there is merged into, as a PATCH replaces its scopes."""
        grants = await ctx.graph.grants(ctx.fact("sp_id"))
        missing = [need for need in self._wanted(ctx) if not self._granted(ctx, grants, *need)]
        await asyncio.gather(*(self._grant(ctx, grants, resource, scopes) for resource, scopes in missing))

    async def _grant(self, ctx: Context, grants: list[dict[str, object]], resource: str, scopes: frozenset[str]) -> None:
        user = ctx.fact("user_id")
        mine = [g for g in grants if g.get("resourceId") == resource and g.get("principalId") == user]
        if mine:
            await ctx.graph.update_grant(str(mine[0]["id"]), " ".join(sorted(_scopes(mine[0]) | scopes)))
            return
        try:
            await ctx.graph.create_grant(ctx.fact("sp_id"), resource, " ".join(sorted(scopes)), user)
        except AlreadyThere:
            return  # an earlier try of ours, not replicated to where we read: inspect decides

    def _wanted(self, ctx: Context) -> list[tuple[str, frozenset[str]]]:
        wanted = [(ctx.fact("exchange_sp_id"), SMTP), (ctx.fact("graph_sp_id"), SIGN_IN)]
        return [(resource, scopes) for resource, scopes in wanted if resource]

    def _granted(self, ctx: Context, grants: list[dict[str, object]], resource: str, scopes: frozenset[str]) -> bool:
        mine = [g for g in grants if g.get("resourceId") == resource and g.get("principalId") in (None, "", ctx.fact("user_id"))]
        return scopes <= frozenset().union(*(_scopes(grant) for grant in mine))


def _scopes(grant: dict[str, object]) -> frozenset[str]:
    return frozenset(str(grant.get("scope") or "").split())
