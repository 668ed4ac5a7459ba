"""Removal of client secrets that nobody needs any more: lost, replaced, or never used.

E3: a lost secret is removed once its successor was shown, and one that a fix replaced once an
answer has left with the new one. C6: the bot's own secret is removed if its rehearsal is skipped.
Source: platforms/microsoft.md 4, rotation order.
"""

from __future__ import annotations

from typing import Any

from jobs.channel.email_app import find_app, secrets_of
from jobs.clouds.errors import CloudError, Forbidden, Rejected
from jobs.clouds.json_values import text_of
from jobs.engine.context import StepContext
from jobs.engine.step import Step
from jobs.model import Change, Finding, Text, Turn
from jobs.steps._app_secrets import LOOKS_S, earlier, labelled, lost, remove, remove_orphans
from jobs.steps.client_secret import replaced
from jobs.steps.secret_for_checks import LABEL


class OldSecret(Step):
    """Step that removes the client secrets of earlier runs of this mailbox.

    The step is part of a fix whose plan showed the removal. Secrets that a person made stay.
    Removing the old secret before Webex Connect has the new one would stop answers, so this step
    comes after everything that proves the new one.
    """

    name = "old_secret"
    article_row = "E3"
    group = "entra"
    needs = ("client_secret",)
    after = ("token", "own_login", "test_mail", "agent_answer")
    reads = ("Application.Read.All",)
    writes = ("Application.ReadWrite.All",)
    automatic = False

    async def inspect(self, ctx: StepContext) -> Finding:
        left = earlier(ctx, await find_app(ctx))
        return (
            self.wrong(Text("seen.old_secret", {"count": str(len(left))}))
            if left
            else self.ok(Text("seen.old_secret_removed"))
        )

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        return (replaced(finding.seen or Text("seen.none")),)

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        await remove(ctx, earlier(ctx, await find_app(ctx)))


class UnusedSecret(Step):
    """Step that removes the bot's own secret, part of a run only if that secret may have been made.

    The removed secret is no longer in use, so the removal needs no approval of its own.
    """

    name = "unused_secret"
    article_row = "C6"
    group = "connect"
    needs = ("check_secret",)
    reads = ("Application.Read.All",)
    writes = ("Application.ReadWrite.All",)
    automatic = False
    unapproved = True

    async def inspect(self, ctx: StepContext) -> Finding:
        """Look for the secret; one just made may be missing, so :meth:`apply` looks patiently."""
        if await labelled(ctx, {LABEL}) or not ctx.run.change_applied(self.name):
            return self.wrong(Text("seen.unused_secret_there"))
        return self.ok(Text("seen.undo_removed"))

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        """Remove the secret at Microsoft; its copy went when the rehearsal was skipped."""
        await remove_orphans(ctx, LOOKS_S, lambda secret: secret.get("displayName") == LABEL)

    def explain_error(self, ctx: StepContext, error: CloudError) -> Finding | None:
        """Leave a secret that the bot may not remove: its value is stored nowhere."""
        return (
            self.left_alone(Text("seen.unused_secret_stays", {"name": LABEL}))
            if isinstance(error, Forbidden | Rejected)
            else None
        )


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
