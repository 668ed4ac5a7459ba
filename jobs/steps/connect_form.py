"""Steps C3 to C6: the fields of Webex Connect's form and its Generate Token.

A person fills in the form. The steps V1 to V3 prove it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from jobs.causes.cause import Cause
from jobs.engine.context import StepContext
from jobs.engine.step import Step
from jobs.microsoft.sign_in_log import SignInRow
from jobs.model import Evidence, Finding, Text, Turn, minute_of
from jobs.runs.run import Run
from jobs.steps import _generated_token as generated

FORM = ("ids", "client_secret", "smtp_grant", "admin_consent")
"""Steps that must be done before the form can be filled in and Generate Token can succeed."""


def token_at(run: Run) -> datetime | None:
    """Return when the token was saved, as told, or generated, as Entra logs it, or None."""
    if "token_saved" in run.answers:
        return run.answers["token_saved"].at
    return datetime.fromisoformat(run.fact(generated.AT)) if run.fact(generated.AT) else None


class _Filled(Step):
    """Step for a part of Webex Connect's form, shown by the token or confirmed by the requester.

    Generate Token succeeds only with the right app, secret, addresses and scope. The requester can
    confirm the form by saying that the token was saved (facts/connect.md 1.2).
    """

    group = "connect"
    needs = FORM
    after: tuple[str, ...] = ("token",)
    automatic = False

    async def inspect(self, ctx: StepContext) -> Finding:
        """Check the token and the requester's confirmation.

        Both count until the channel is proven. Webex Connect's asset API is not confirmed
        (facts/connect.md 2.1).
        """
        if ctx.run.answer("token_saved"):
            return self.ok(Text("seen.said_by_requester"))
        if ctx.run.settled("token"):
            return self.ok(Text("seen.shown_by_token"))
        return self.waits_for(Turn.REQUESTER, Text("seen.form_open"))


class MailboxFields(_Filled):
    """Step C3: the form's fields Email ID, SMTP server, port, security and username."""

    name = "mailbox_fields"
    article_row = "C3"


class AppFields(_Filled):
    """Step C4: the form's fields Client ID and Client Secret."""

    name = "app_fields"
    article_row = "C4"
    shown_in = "mailbox_fields"


class AddressFields(_Filled):
    """Step C5: the form's Authorization, Access Token and Refresh Token URLs, and the scope."""

    name = "address_fields"
    article_row = "C5"
    shown_in = "mailbox_fields"


class Token(_Filled):
    """Step C6: Generate Token as the Username; nobody is asked if the bot can read Entra's log."""

    name = "token"
    article_row = "C6"
    shown_in = "mailbox_fields"
    after = ()
    reads = ("AuditLog.Read.All", "Directory.Read.All")

    async def inspect(self, ctx: StepContext) -> Finding:
        if ctx.run.answer("token_saved"):
            return self.ok(Text("seen.said_by_requester"))
        row = await generated.newest_sign_in(ctx) if generated.may_be_there(ctx) else None
        return self._by_the_log(ctx, row) if row else self._still_open(ctx)

    def _by_the_log(self, ctx: StepContext, row: SignInRow) -> Finding:
        if not row.good:
            evidence = Evidence("entra", f"AADSTS{row.code}: {row.reason}")
            return replace(self._still_open(ctx, row.meaning.cause), evidence=(evidence,))
        if not generated.is_the_logins(ctx, row):
            evidence = Evidence("entra", row.user)
            return replace(self._still_open(ctx, Cause.WRONG_MAILBOX_USER), evidence=(evidence,))
        seen = Text("seen.token_in_log", {"at": minute_of(row.at)})
        return self.ok(seen, facts={generated.AT: row.at.isoformat()})

    def _still_open(self, ctx: StepContext, cause: str = "") -> Finding:
        """Wait for the form; the bot reads the log again by itself."""
        looks = generated.may_be_there(ctx)
        again = ctx.pause(self.name, generated.PAUSES_S) if looks else 0
        return self.waits_for(Turn.REQUESTER, Text("seen.form_open"), cause=cause, again_s=again)
