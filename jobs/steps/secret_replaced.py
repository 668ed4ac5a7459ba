"""Step E3: the secret that a fix replaced is removed once an answer has left with the new one.

Source: facts/microsoft.md 4, rotation order.
"""

from __future__ import annotations

from jobs.channel.email_app import find_app
from jobs.engine.context import StepContext
from jobs.engine.step import Step
from jobs.model import Change, Finding, Text
from jobs.steps._app_secrets import earlier, remove
from jobs.steps.client_secret import replaced


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
