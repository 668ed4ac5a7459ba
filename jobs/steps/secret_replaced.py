"""E3: the secret that a fix has replaced is removed, once an answer has left with the new one (facts/microsoft.md 4, rotation order)."""

from __future__ import annotations

from jobs.channel.email_app import find_app
from jobs.engine.context import StepContext
from jobs.engine.step import Step
from jobs.model import Change, Finding, Text
from jobs.steps.client_secret import earlier, remove, replaced


class OldSecret(Step):
    """No secret of an earlier run of this mailbox is left. Part of a fix whose plan showed it; what a person made stays.

    Before Webex Connect has the new secret, removing the old one would stop answers: it comes after everything that proves the new one.
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
        """List what is left of earlier runs."""
        left = earlier(ctx, await find_app(ctx))
        return self.wrong(Text("seen.old_secret", {"count": str(len(left))})) if left else self.ok(Text("seen.old_secret_removed"))

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        """The line that was shown with the new secret (:meth:`jobs.steps.client_secret.ClientSecret.plan`)."""
        return (replaced(finding.seen or Text("seen.none")),)

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        """Remove them; one that is gone already is as it should be."""
        await remove(ctx, earlier(ctx, await find_app(ctx)))
