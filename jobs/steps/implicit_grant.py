"""E2: the box "Access tokens", as in the article. The code flow does not need it (facts/microsoft.md 0.2)."""

from __future__ import annotations

from jobs.microsoft.registration import issues_access_tokens, unique_name
from jobs.model import Change, Finding, Profile, Scope, Words
from jobs.step import Context, Step


class ImplicitGrant(Step):
    """``enableAccessTokenIssuance`` is on, in the article profile only."""

    name = "implicit_grant"
    row = "E2"
    group = "entra"
    checked = True
    essential = False
    needs = ("application",)
    after = ("mail_send",)
    profiles = frozenset({Profile.ARTICLE})
    reads = ("Application.Read.All",)
    writes = ("Application.ReadWrite.All",)

    async def inspect(self, ctx: Context) -> Finding:
        """Read the app."""
        app = await ctx.graph.application_by_unique_name(unique_name(ctx.channel.mailbox))
        return self.ok(Words("seen.on")) if issues_access_tokens(app) else self.wrong(Words("seen.off"))

    def plan(self, ctx: Context, finding: Finding) -> tuple[Change, ...]:
        """One property."""
        return (self.change(Words("seen.off"), Words("seen.on"), Scope.APP, "web.implicitGrantSettings.enableAccessTokenIssuance = true"),)

    async def apply(self, ctx: Context, finding: Finding) -> None:
        """Write ``web`` whole, with what is there."""
        app = await ctx.graph.application(unique_name(ctx.channel.mailbox))
        web = {**(app.get("web") or {}), "implicitGrantSettings": {"enableAccessTokenIssuance": True, "enableIdTokenIssuance": False}}
        await ctx.graph.update_application(ctx.fact("object_id"), {"web": web})
