"""Step C6, rehearsed: the bot's own client secret.

The secret is kept only with the mailbox user's consent. Webex Connect's own secret is never kept.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from jobs.access import mailbox_login
from jobs.channel.email_app import OWN_SECRET
from jobs.clock import now
from jobs.engine.context import StepContext
from jobs.engine.undoable import Undoable
from jobs.microsoft.secret_lifetime import expiry
from jobs.model import Change, Finding, Reason, Scope, Text
from jobs.runs.run import RecordedChange
from jobs.steps._app_secrets import LOOKS_S, labelled, remove, remove_orphans, tries
from jobs.storage.vault import Sealed

LABEL = "Webex email bot, rehearsal and check"


class CheckSecret(Undoable):
    """Step C6: a second client secret, with which the bot can sign the mailbox user in.

    With this secret ``/check`` can log in by SMTP. The secret belongs to
    the run until the mailbox user has signed in and that login has succeeded
    (:func:`jobs.access.mailbox_login.keep`).
    """

    name = "check_secret"
    article_row = "C6"
    group = "connect"
    irreversible = True
    undo_note = True
    shown_in = "rehearsal"
    needs = ("application",)
    after = ("client_secret",)
    reads = ("Application.Read.All",)
    writes = ("Application.ReadWrite.All",)
    required_answer = "rehearse"
    repeat_on = "rehearse"

    async def inspect(self, ctx: StepContext) -> Finding:
        """Check that this run made the secret, or that the kept one is still the app's."""
        if ctx.run.answer("rehearse").startswith("skip"):
            return self.skipped(Text("skipped.rehearsal"))
        if ctx.vault.holds(Sealed.REHEARSAL_SECRET.of(ctx.run.id)) or _is_kept(ctx):
            return replace(self.ok(Text("seen.check_secret")), values={"made": "yes"})
        if ctx.channels.record(ctx.channel.mailbox) is not None:
            return self.skipped(Text("skipped.proven_before"))
        return replace(self.wrong(Reason.ABSENT), values={"made": ""})

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        """Plan the bot's own secret, which is created only if a person rehearses."""
        line = self.change(
            Text("seen.none"),
            Text("after.check_secret"),
            Scope.APP,
            "Graph POST /applications/{id}/addPassword",
        )
        return (replace(line, note=Text("note.check_secret")),)

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        """Create and seal the secret, after removing that of an interrupted attempt."""
        looks = LOOKS_S if tries(ctx, self.name) > 1 else LOOKS_S[:1]
        await remove_orphans(ctx, looks, lambda secret: secret.get("displayName") == LABEL)
        end = expiry(now(), ctx.channel.lifetime_months, None)
        if limit := ctx.fact("expires"):
            end = min(end, datetime.fromisoformat(limit))
        made = await ctx.graph.add_password(ctx.fact("object_id"), LABEL, end)
        ctx.vault.put(
            Sealed.REHEARSAL_SECRET.of(ctx.run.id),
            made.secret,
            int((end - now() + timedelta(days=1)).total_seconds()),
        )

    async def inspect_undo(self, ctx: StepContext, past: RecordedChange) -> Finding:
        if await labelled(ctx, {LABEL}) or ctx.vault.holds(
            Sealed.CHECK_SECRET.of(ctx.channel.mailbox)
        ):
            return self.wrong(past.change.after)
        return self.ok(Text("seen.undo_removed"))

    def undo_command(self, ctx: StepContext, past: RecordedChange) -> str:
        return f"Graph POST /applications/{ctx.fact('object_id')}/removePassword"

    async def undo(self, ctx: StepContext, past: RecordedChange) -> None:
        """Remove the bot's own secret at Microsoft first, then from the vault.

        Without the sealed copy the secret could not be found again, and the copy alone does no
        harm.
        """
        await remove(ctx, await labelled(ctx, {LABEL}))
        mailbox_login.drop(ctx.vault, ctx.channel.mailbox)


def _is_kept(ctx: StepContext) -> bool:
    """Return whether the client secret that is kept for checks can still be used.

    The app may have been deleted, or the secret removed by hand, which the inspection of the
    application shows. This inspection need not have seen a secret that this run made.
    """
    if not ctx.vault.holds(Sealed.CHECK_SECRET.of(ctx.channel.mailbox)):
        return False
    return CheckSecret.name in ctx.run.changed or ctx.fact(OWN_SECRET) != ""
