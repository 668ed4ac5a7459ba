"""E1: the app registration, with both redirect addresses and ``SMTP.Send`` declared."""

from __future__ import annotations

from typing import Any

from jobs.microsoft.graph import EXCHANGE_APP_ID, GRAPH_APP_ID
from jobs.microsoft.registration import declares, display_name, merged, redirect_uris, unique_name, with_permission
from jobs.model import Change, Finding, Scope, Words
from jobs.step import Context, Step


class Application(Step):
    """One single-tenant app per mailbox, found again by its ``uniqueName`` (facts/microsoft.md 1.1)."""

    name = "application"
    row = "E1"
    group = "entra"
    checked = True
    explains = frozenset(
        {
            "app_not_found",
            "redirect_uri_mismatch",
            "reply_address_missing",
            "permission_not_declared",
            "app_misconfigured",
            "permission_id_unknown",
        }
        | {"client_secret_wrong", "consent_missing", "user_not_assigned", "grant_invalid"}
    )
    needs = ("addresses", "permissions", "tenant")
    reads = ("Application.Read.All",)
    writes = ("Application.ReadWrite.All",)

    async def inspect(self, ctx: Context) -> Finding:
        """Look it up and compare byte for byte what Entra compares byte for byte."""
        app = await ctx.graph.application_by_unique_name(unique_name(ctx.channel.mailbox))
        if app is None:
            return self.wrong(Words("seen.none"), cause="app_not_found")
        facts = {"client_id": str(app["appId"]), "object_id": str(app["id"]), "app_name": str(app.get("displayName", ""))}
        missing = [uri for uri in self._uris(ctx) if uri not in redirect_uris(app)]
        if missing:
            cause = "redirect_uri_mismatch" if redirect_uris(app) else "reply_address_missing"
            return self.wrong(Words("seen.redirects_missing", {"missing": ", ".join(missing)}), cause=cause, **facts)
        if app.get("signInAudience") != "AzureADMyOrg":
            return self.wrong(Words("seen.audience", {"audience": str(app.get("signInAudience"))}), **facts)
        if not declares(app, *smtp_send(ctx)):
            return self.wrong(Words("seen.not_declared"), cause="permission_not_declared", **facts)
        return self.ok(Words("seen.application", {"client_id": facts["client_id"]}), **facts)

    def plan(self, ctx: Context, finding: Finding) -> tuple[Change, ...]:
        """One upsert by ``uniqueName``: safe to repeat."""
        before = finding.seen or Words("seen.none")
        name = unique_name(ctx.channel.mailbox)
        return (self.change(before, Words("after.application"), Scope.APP, f"Graph PATCH /applications(uniqueName='{name}')"),)

    async def apply(self, ctx: Context, finding: Finding) -> None:
        """Create it or merge into it; everything that is there stays."""
        name = unique_name(ctx.channel.mailbox)
        app = await ctx.graph.application_by_unique_name(name) if finding.facts else None
        await ctx.graph.upsert_application(name, self._body(ctx, app))

    def _body(self, ctx: Context, app: dict[str, Any] | None) -> dict[str, Any]:
        resource, permission = smtp_send(ctx)
        body: dict[str, Any] = {
            "signInAudience": "AzureADMyOrg",
            "web": {**((app or {}).get("web") or {}), "redirectUris": merged(redirect_uris(app), self._uris(ctx))},
            "requiredResourceAccess": with_permission(app, resource, permission, "Scope"),
        }
        if app is None:
            lock = {"isEnabled": True, "allProperties": True}
            body |= {"displayName": display_name(ctx.channel.mailbox), "servicePrincipalLockConfiguration": lock}
        return body

    def _uris(self, ctx: Context) -> tuple[str, str]:
        return ctx.channel.callback_url, ctx.settings.callback


def smtp_send(ctx: Context) -> tuple[str, str]:
    """Exchange's own ``SMTP.Send``, as (resource, id); Graph's where Exchange exposes none, as a foreign id breaks every consent (AADSTS65006)."""
    if ctx.fact("exchange_smtp_send"):
        return EXCHANGE_APP_ID, ctx.fact("exchange_smtp_send")
    return GRAPH_APP_ID, ctx.fact("graph_smtp_send")
