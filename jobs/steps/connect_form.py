"""C3, C4, C5: the fields of Webex Connect's form. A person fills them in; V1 to V3 prove them."""

from __future__ import annotations

from dataclasses import replace

from jobs.engine.context import StepContext
from jobs.engine.step import Step
from jobs.model import Evidence, Finding, Text, Turn, minute_of
from jobs.steps import _generated_token as generated

FORM = ("ids", "client_secret", "smtp_grant", "admin_consent")
"""Steps that must be done before the form can be filled in and Generate Token can succeed."""


class _Filled(Step):
    """Part of the form, shown by the token or confirmed by the requester.

    Generate Token succeeds only with the right app, secret, addresses and scope. The requester can
    confirm the form by saying that the token was saved (facts/connect.md 1.2).
    """

    group = "connect"
    needs = FORM
    after: tuple[str, ...] = ("token",)
    automatic = False

    async def inspect(self, ctx: StepContext) -> Finding:
        """Check the token and the requester's confirmation, which count until the proof.

        Webex Connect's asset API is not confirmed (facts/connect.md 2.1).
        """
        if ctx.run.answer("token_saved"):
            return self.ok(Text("seen.said_by_requester"))
        if ctx.run.settled("token"):
            return self.ok(Text("seen.shown_by_token"))
        return self.waits_for(Turn.REQUESTER, Text("seen.form_open"))


class MailboxFields(_Filled):
    """C3: Email ID, SMTP server, port, security and username."""

    name = "mailbox_fields"
    article_row = "C3"


class AppFields(_Filled):
    """C4: Client ID and Client Secret."""

    name = "app_fields"
    article_row = "C4"
    shown_in = "mailbox_fields"


class AddressFields(_Filled):
    """C5: the Authorization, Access Token and Refresh Token URLs, and the scope."""

    name = "address_fields"
    article_row = "C5"
    shown_in = "mailbox_fields"


class Token(_Filled):
    """C6: Generate Token, signed in as the Username.

    Entra's sign-in log shows it, so nobody is asked if the bot can read that log.
    """

    name = "token"
    article_row = "C6"
    shown_in = "mailbox_fields"
    after = ()
    reads = ("AuditLog.Read.All", "Directory.Read.All")

    async def inspect(self, ctx: StepContext) -> Finding:
        """Check the requester's confirmation, then Entra's log of the app's sign-ins."""
        if ctx.run.answer("token_saved"):
            return self.ok(Text("seen.said_by_requester"))
        row = await generated.newest_sign_in(ctx) if generated.may_be_there(ctx) else None
        if row is None:
            return self._still_open(ctx)
        if not row.good:
            evidence = Evidence("entra", f"AADSTS{row.code}: {row.reason}")
            return replace(self._still_open(ctx, row.meaning.cause), evidence=(evidence,))
        if not generated.is_the_logins(ctx, row):
            evidence = Evidence("entra", row.user)
            return replace(self._still_open(ctx, "wrong_mailbox_user"), evidence=(evidence,))
        seen = Text("seen.token_in_log", {"at": minute_of(row.at)})
        return self.ok(seen, facts={generated.AT: row.at.isoformat()})

    def _still_open(self, ctx: StepContext, cause: str = "") -> Finding:
        """Return that the requester fills in the form; the log is read again by itself."""
        looks = generated.may_be_there(ctx)
        again = ctx.pause(self.name, generated.PAUSES_S) if looks else 0
        return self.waits_for(Turn.REQUESTER, Text("seen.form_open"), cause=cause, again_s=again)
