"""Step C6: the bot's own client secret is removed if its rehearsal is skipped."""

from __future__ import annotations

from jobs.clouds.errors import CloudError, Forbidden, Rejected
from jobs.engine.context import StepContext
from jobs.engine.step import Step
from jobs.model import Finding, Text
from jobs.steps._app_secrets import LOOKS_S, labelled, remove_orphans
from jobs.steps.secret_for_checks import LABEL


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
