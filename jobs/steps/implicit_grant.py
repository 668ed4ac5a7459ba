"""Step E2: the "Access tokens" box of the app, ticked as in the article.

The code flow does not need this box (platforms/microsoft.md 1.8).
"""

from __future__ import annotations

from dataclasses import replace

from jobs.channel.email_app import Json, app_of_run, find_app, present_app, wanted_uris
from jobs.channel.hand_made import is_by_hand
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.undoable import Undoable
from jobs.microsoft.app_manifest import issues_access_tokens, merged, redirect_uris, web
from jobs.model import Change, Finding, Profile, Scope, Text
from jobs.runs.run import RecordedChange


class ImplicitGrant(Undoable):
    """Step E2: ``enableAccessTokenIssuance`` is on in the app, in the article profile only."""

    name = "implicit_grant"
    article_row = "E2"
    group = "entra"
    carries_answers = True
    needs = ("application",)
    after = ("mail_send",)
    profiles = frozenset({Profile.ARTICLE})
    reads = ("Application.Read.All",)
    writes = ("Application.ReadWrite.All",)
    diagnosis = Diagnosis(stops_mail=False)

    async def inspect(self, ctx: StepContext) -> Finding:
        app = await find_app(ctx)
        return replace(self._judged(ctx, on=issues_access_tokens(app)), values=_values(app))

    def _judged(self, ctx: StepContext, *, on: bool) -> Finding:
        """Judge "Access tokens", which nobody asked for on a channel made by hand."""
        if on:
            return self.ok(Text("seen.implicit_on"))
        seen = Text("seen.implicit_off")
        return self.ok(seen) if is_by_hand(ctx) else self.wrong(seen)

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        return (
            self.change(
                Text("seen.off"),
                Text("seen.on"),
                Scope.APP,
                "web.implicitGrantSettings.enableAccessTokenIssuance = true",
            ),
        )

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        """Write ``web`` as a whole, with the wanted URIs, which a stale read must not drop."""
        app = await present_app(ctx)
        await _write(
            ctx,
            {"web": {**web(app), "redirectUris": merged(redirect_uris(app), wanted_uris(ctx))}},
            on=True,
        )

    async def inspect_undo(self, ctx: StepContext, past: RecordedChange) -> Finding:
        app = await app_of_run(ctx)
        return self.compare_with_recorded(
            past,
            _values(app),
            "key:seen.on" if issues_access_tokens(app) else "key:seen.off",
            {"access_tokens": "on"},
        )

    def undo_command(self, ctx: StepContext, past: RecordedChange) -> str:
        return "web.implicitGrantSettings.enableAccessTokenIssuance = false"

    async def undo(self, ctx: StepContext, past: RecordedChange) -> None:
        """Clear the box "Access tokens", which a run only ever ticks."""
        if app := await app_of_run(ctx):
            await _write(ctx, app, on=False)


async def _write(ctx: StepContext, app: Json, *, on: bool) -> None:
    platform = web(app)
    boxes = {
        "enableIdTokenIssuance": False,
        **(platform.get("implicitGrantSettings") or {}),
        "enableAccessTokenIssuance": on,
    }
    await ctx.graph.update_application(
        ctx.fact("object_id"), {"web": {**platform, "implicitGrantSettings": boxes}}
    )


def _values(app: Json | None) -> dict[str, str]:
    """Return the value for the record: a deleted app issues no tokens."""
    return {"access_tokens": "on" if issues_access_tokens(app) else "off"}
