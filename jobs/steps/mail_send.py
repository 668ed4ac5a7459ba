"""E4: Exchange ``Mail.Send`` as an application permission, as in the article. The mail flow does not use it (facts/microsoft.md 0.1)."""

from __future__ import annotations

from dataclasses import replace

from jobs.channel.email_app import Json, email_app, its_app, present_app, smtp_send
from jobs.engine.step import Context, Step
from jobs.microsoft.app_manifest import declares, with_permission, without_permission
from jobs.microsoft.graph import EXCHANGE_APP_ID
from jobs.model import Change, Finding, Profile, Scope, State, Words
from jobs.runs.run import Past


class MailSend(Step):
    """The app declares ``Mail.Send`` (Role), in the article profile only; consent to it is E5."""

    name = "mail_send"
    row = "E4"
    group = "entra"
    checked = True
    carries_answers = True
    noted = True
    essential = False
    needs = ("application",)
    profiles = frozenset({Profile.ARTICLE})
    reads = ("Application.Read.All",)
    writes = ("Application.ReadWrite.All",)

    async def inspect(self, ctx: Context) -> Finding:
        """Read what the app declares."""
        if not ctx.fact("mail_send"):
            return self.skipped(Words("skipped.mail_send_not_exposed"))
        app = await email_app(ctx)
        declared = declares(app, EXCHANGE_APP_ID, ctx.fact("mail_send"))
        found = self.ok(Words("seen.mail_send")) if declared else self.wrong(Words("seen.none"))
        return replace(found, values=self._values(ctx, app))

    def plan(self, ctx: Context, finding: Finding) -> tuple[Change, ...]:
        """Declared here, granted in E5."""
        line = self.change(Words("seen.none"), Words("after.mail_send"), Scope.APP, "requiredResourceAccess + Exchange Mail.Send (Role)")
        return (replace(line, note=Words("note.mail_send"), warning=True),)

    async def apply(self, ctx: Context, finding: Finding) -> None:
        """Write the list whole, with what is there; a stale read must not drop ``SMTP.Send``."""
        declared = {"requiredResourceAccess": with_permission(await present_app(ctx), *smtp_send(ctx), "Scope")}
        access = with_permission(declared, EXCHANGE_APP_ID, ctx.fact("mail_send"), "Role")
        await ctx.graph.update_application(ctx.fact("object_id"), {"requiredResourceAccess": access})

    async def undone(self, ctx: Context, past: Past) -> Finding:
        """Read what the app declares."""
        values = self._values(ctx, await its_app(ctx))
        found = self.compared(past, values, "key:seen.mail_send" if values["declared"] else "key:seen.none", {"declared": "yes"})
        return replace(found, seen=Words("seen.mail_send")) if found.state is State.WRONG else found

    def undo_command(self, ctx: Context, past: Past) -> str:
        """Declared no more; what was granted goes with the app, or in the portal."""
        return "requiredResourceAccess - Exchange Mail.Send (Role)"

    async def undo(self, ctx: Context, past: Past) -> None:
        """Write the list whole, without it."""
        if app := await its_app(ctx):
            access = without_permission(app, EXCHANGE_APP_ID, ctx.fact("mail_send"))
            await ctx.graph.update_application(str(app["id"]), {"requiredResourceAccess": access})

    def _values(self, ctx: Context, app: Json | None) -> dict[str, str]:
        return {"declared": "yes" if declares(app, EXCHANGE_APP_ID, ctx.fact("mail_send")) else ""}
