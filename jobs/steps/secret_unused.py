"""C6: the bot's own client secret is removed where somebody skips the rehearsal that it was made for."""

from __future__ import annotations

from jobs.clouds.errors import CloudError, Forbidden, Rejected
from jobs.engine.context import StepContext
from jobs.engine.step import Step
from jobs.model import Finding, Text
from jobs.steps.client_secret import LOOKS_S, labelled, remove_orphans
from jobs.steps.secret_for_checks import LABEL


class UnusedSecret(Step):
    """Part of a run only where the secret may have been made; what it removes nobody has any more, so it needs no approval of its own."""

    name = "unused_secret"
    article_row = "C6"
    group = "connect"
    needs = ("check_secret",)
    reads = ("Application.Read.All",)
    writes = ("Application.ReadWrite.All",)
    automatic = False
    unapproved = True

    async def inspect(self, ctx: StepContext) -> Finding:
        """Look for it by its name. One that was made a moment ago may not be listed yet, so it is looked for with patience once."""
        if await labelled(ctx, {LABEL}) or not ctx.run.change_applied(self.name):
            return self.wrong(Text("seen.unused_secret_there"))
        return self.ok(Text("seen.undo_removed"))

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        """Remove it; what was sealed here was dropped when the rehearsal was skipped."""
        await remove_orphans(ctx, LOOKS_S, lambda secret: secret.get("displayName") == LABEL)

    def explain_error(self, ctx: StepContext, error: CloudError) -> Finding | None:
        """What may not be removed holds up no run: its value is kept nowhere."""
        return self.left_alone(Text("seen.unused_secret_stays", {"name": LABEL})) if isinstance(error, Forbidden | Rejected) else None
