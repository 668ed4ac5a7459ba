"""E2: the box "Access tokens", as in the article. The code flow does not need it (facts/microsoft.md 0.2)."""

from __future__ import annotations

from dataclasses import replace

from jobs.channel.email_app import Json, email_app, its_app, present_app, wanted_uris
from jobs.engine.step import Context, Step
from jobs.microsoft.app_manifest import issues_access_tokens, merged, redirect_uris, web
from jobs.model import Change, Finding, Profile, Scope, Words
from jobs.runs.run import Past


class ImplicitGrant(Step):
    """``enableAccessTokenIssuance`` is on, in the article profile only."""

    name = "implicit_grant"
    row = "E2"
    group = "entra"
    checked = True
    carries_answers = True
    essential = False
    needs = ("application",)
    after = ("mail_send",)
    profiles = frozenset({Profile.ARTICLE})
    reads = ("Application.Read.All",)
    writes = ("Application.ReadWrite.All",)

    async def inspect(self, ctx: Context) -> Finding:
        """Read the app."""
        app = await email_app(ctx)
        found = self.ok(Words("seen.implicit_on")) if issues_access_tokens(app) else self.wrong(Words("seen.implicit_off"))
        return replace(found, values=_values(app))

    def plan(self, ctx: Context, finding: Finding) -> tuple[Change, ...]:
        """One property."""
        return (self.change(Words("seen.off"), Words("seen.on"), Scope.APP, "web.implicitGrantSettings.enableAccessTokenIssuance = true"),)

    async def apply(self, ctx: Context, finding: Finding) -> None:
        """Write ``web`` whole, with what is there; a stale read must not drop the addresses that a moment ago were written."""
        app = await present_app(ctx)
        await _write(ctx, {"web": {**web(app), "redirectUris": merged(redirect_uris(app), wanted_uris(ctx))}}, on=True)

    async def undone(self, ctx: Context, past: Past) -> Finding:
        """Read the app."""
        app = await its_app(ctx)
        return self.compared(past, _values(app), "key:seen.on" if issues_access_tokens(app) else "key:seen.off", {"access_tokens": "on"})

    def undo_command(self, ctx: Context, past: Past) -> str:
        """One property."""
        return "web.implicitGrantSettings.enableAccessTokenIssuance = false"

    async def undo(self, ctx: Context, past: Past) -> None:
        """The one box, which a run only ever ticks."""
        if app := await its_app(ctx):
            await _write(ctx, app, on=False)


async def _write(ctx: Context, app: Json, *, on: bool) -> None:
    platform = web(app)
    boxes = {"enableIdTokenIssuance": False, **(platform.get("implicitGrantSettings") or {}), "enableAccessTokenIssuance": on}
    await ctx.graph.update_application(ctx.fact("object_id"), {"web": {**platform, "implicitGrantSettings": boxes}})


def _values(app: Json | None) -> dict[str, str]:
    """An app that is gone issues nothing."""
    return {"access_tokens": "on" if issues_access_tokens(app) else "off"}
