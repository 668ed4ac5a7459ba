"""Steps E4 and E5: Exchange ``Mail.Send`` as an application permission, as in the article.

The mail flow does not use this permission (microsoft.md 1.8). The admin consent is given on
Microsoft's own page, through a card's button; only grants that really exist count.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from jobs.channel.email_app import (
    Json,
    app_of_run,
    find_app,
    present_app,
    role_assignments,
    smtp_send_permission,
)
from jobs.clock import now
from jobs.clouds.json_values import lower_of
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.step import Step
from jobs.engine.undoable import Undoable
from jobs.microsoft.app_manifest import declares, with_permission, without_permission
from jobs.microsoft.graph import EXCHANGE_APP_ID
from jobs.model import Change, Finding, Profile, Reason, RunKind, Scope, State, Text, Turn
from jobs.runs.run import RecordedChange


class MailSend(Undoable):
    """Step E4: the app declares ``Mail.Send`` (Role) for E5, in the article profile only."""

    name = "mail_send"
    article_row = "E4"
    group = "entra"
    carries_answers = True
    undo_note = True
    needs = ("application",)
    profiles = frozenset({Profile.ARTICLE})
    reads = ("Application.Read.All",)
    writes = ("Application.ReadWrite.All",)
    diagnosis = Diagnosis(stops_mail=False)

    async def inspect(self, ctx: StepContext) -> Finding:
        if not ctx.fact("mail_send"):
            return self.skipped(Text("skipped.mail_send_not_exposed"))
        app = await find_app(ctx)
        declared = declares(app, EXCHANGE_APP_ID, ctx.fact("mail_send"))
        found = self.ok(Text("seen.mail_send")) if declared else self.wrong(Reason.ABSENT)
        return replace(found, values=self._values(ctx, app))

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        line = self.change(
            Text("seen.none"),
            Text("after.mail_send"),
            Scope.APP,
            "requiredResourceAccess + Exchange Mail.Send (Role)",
        )
        return (replace(line, note=Text("note.mail_send"), warning=True),)

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        """Write the whole list, with ``SMTP.Send``, which a stale read must not drop."""
        declared = {
            "requiredResourceAccess": with_permission(
                await present_app(ctx), *smtp_send_permission(ctx), "Scope"
            )
        }
        access = with_permission(declared, EXCHANGE_APP_ID, ctx.fact("mail_send"), "Role")
        await ctx.graph.update_application(
            ctx.fact("object_id"), {"requiredResourceAccess": access}
        )

    async def inspect_undo(self, ctx: StepContext, past: RecordedChange) -> Finding:
        values = self._values(ctx, await app_of_run(ctx))
        found = self.compare_with_recorded(
            past,
            values,
            "key:seen.mail_send" if values["declared"] else "key:seen.none",
            {"declared": "yes"},
        )
        return replace(found, seen=Text("seen.mail_send")) if found.state is State.WRONG else found

    def undo_command(self, ctx: StepContext, past: RecordedChange) -> str:
        """Return the change's text; the grant goes with the app, or in the portal."""
        return "requiredResourceAccess - Exchange Mail.Send (Role)"

    async def undo(self, ctx: StepContext, past: RecordedChange) -> None:
        if app := await app_of_run(ctx):
            access = without_permission(app, EXCHANGE_APP_ID, ctx.fact("mail_send"))
            await ctx.graph.update_application(str(app["id"]), {"requiredResourceAccess": access})

    def _values(self, ctx: StepContext, app: Json | None) -> dict[str, str]:
        return {"declared": "yes" if declares(app, EXCHANGE_APP_ID, ctx.fact("mail_send")) else ""}


SHOWS_WITHIN = timedelta(minutes=5)
PAUSES_S = (1.0, 2, 2, 4, 8, 16, 30)


class AdminConsent(Step):
    """Step E5: ``Mail.Send`` is granted, in the article profile only (microsoft.md 1.6)."""

    name = "admin_consent"
    article_row = "E5"
    group = "entra"
    needs = ("service_principal", "mail_send")
    profiles = frozenset({Profile.ARTICLE})
    reads = ("Application.Read.All",)
    automatic = False
    returns_with = "consent"
    diagnosis = Diagnosis(stops_mail=False)

    async def inspect(self, ctx: StepContext) -> Finding:
        """Read the assignments: the redirect is never trusted, and a check never waits."""
        if not ctx.fact("mail_send"):
            return self.skipped(Text("skipped.mail_send_not_exposed"))
        assigned = {lower_of(each, "appRoleId") for each in await role_assignments(ctx)}
        if ctx.fact("mail_send").lower() in assigned:
            return self.ok(Text("seen.consent"))
        if ctx.run.kind is RunKind.CHECK:
            return self.wrong(Text("seen.no_consent"))
        answer = ctx.run.answers.get("consent")
        settling = answer is not None and now() - answer.at < SHOWS_WITHIN
        if settling:
            return self.waits_for(
                Turn.TIME, Text("seen.consent_settles"), again_s=ctx.pause(self.name, PAUSES_S)
            )
        return self.waits_for(Turn.ADMINISTRATOR, Text("seen.no_consent"))
