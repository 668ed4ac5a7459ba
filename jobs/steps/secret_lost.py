"""Step E3: a client secret that was shown and then lost is removed once its successor was shown."""

from __future__ import annotations

from typing import Any

from jobs.channel.email_app import find_app, secrets_of
from jobs.clouds.json_values import text_of
from jobs.engine.context import StepContext
from jobs.engine.step import Step
from jobs.model import Finding, Text, Turn
from jobs.steps._app_secrets import lost, remove


class LostSecret(Step):
    """Step that removes a lost client secret, part of a run only if New secret was pressed.

    Nobody has the removed secret, so the removal needs no approval of its own.
    """

    name = "lost_secret"
    article_row = "E3"
    group = "entra"
    shown_in = "client_secret"
    needs = ("client_secret",)
    reads = ("Application.Read.All",)
    writes = ("Application.ReadWrite.All",)
    automatic = False
    unapproved = True

    async def inspect(self, ctx: StepContext) -> Finding:
        """Wait until the page has shown the new secret: the old one may be found until then."""
        if not await self._remaining(ctx):
            return self.ok(Text("seen.lost_secret_removed"))
        if not ctx.store.was_secret_shown(ctx.fact("key_id")):
            return self.waits_for(Turn.NOBODY, Text("seen.lost_secret_stays"))
        return self.wrong(Text("seen.lost_secret_there"))

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        await remove(ctx, await self._remaining(ctx))

    async def _remaining(self, ctx: StepContext) -> list[dict[str, Any]]:
        return [
            secret
            for secret in secrets_of(await find_app(ctx))
            if text_of(secret, "keyId") in lost(ctx)
        ]
