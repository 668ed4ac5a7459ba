"""E4: Exchange ``Mail.Send`` as an application permission, as in the article. The mail flow does not use it (facts/microsoft.md 0.1)."""

from __future__ import annotations

from dataclasses import replace

from jobs.microsoft.graph import EXCHANGE_APP_ID
from jobs.microsoft.registration import declares, unique_name, with_permission
from jobs.model import Change, Finding, Profile, Scope, Words
from jobs.step import Context, Step
from jobs.steps.application import smtp_send


class MailSend(Step):
    """The app declares ``Mail.Send`` (Role), in the article profile only; consent to it is E5."""

    name = "mail_send"
    row = "E4"
    group = "entra"
    checked = True
    essential = False
    needs = ("application",)
    profiles = frozenset({Profile.ARTICLE})
    reads = ("Application.Read.All",)
    writes = ("Application.ReadWrite.All",)

    async def inspect(self, ctx: Context) -> Finding:
        """Read what the app declares."""
        if not ctx.fact("mail_send"):
            return self.skipped(Words("skipped.mail_send_not_exposed"))
        app = await ctx.graph.application_by_unique_name(unique_name(ctx.channel.mailbox))
        declared = declares(app, EXCHANGE_APP_ID, ctx.fact("mail_send"))
        return self.ok(Words("seen.mail_send")) if declared else self.wrong(Words("seen.none"))

    def plan(self, ctx: Context, finding: Finding) -> tuple[Change, ...]:
        """Declared here, granted in E5."""
        line = self.change(Words("seen.none"), Words("after.mail_send"), Scope.APP, "requiredResourceAccess + Exchange Mail.Send (Role)")
        return (replace(line, note=Words("note.mail_send"), warning=True),)

    async def apply(self, ctx: Context, finding: Finding) -> None:
        """Write the list whole, with what is there; a stale read must not drop ``SMTP.Send``."""
        app = await ctx.graph.application(unique_name(ctx.channel.mailbox))
        declared = {"requiredResourceAccess": with_permission(app, *smtp_send(ctx), "Scope")}
        access = with_permission(declared, EXCHANGE_APP_ID, ctx.fact("mail_send"), "Role")
        await ctx.graph.update_application(ctx.fact("object_id"), {"requiredResourceAccess": access})
