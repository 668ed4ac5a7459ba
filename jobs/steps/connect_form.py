"""C3, C4, C5: the fields of Webex Connect's form. A person fills them in; V1 to V3 prove them."""

from __future__ import annotations

from jobs.engine.context import StepContext
from jobs.engine.step import Step
from jobs.model import Finding, Text, Turn

FORM = ("ids", "client_secret", "smtp_grant", "admin_consent")
"""Steps that must be done before the form can be filled in and Generate Token can succeed."""


class _Filled(Step):
    """Part of the form, filled in according to the requester.

    The requester confirms it by saying that the token was saved (facts/connect.md 1.2).
    """

    group = "connect"
    needs = FORM
    automatic = False

    async def inspect(self, ctx: StepContext) -> Finding:
        """Check the requester's confirmation, which counts until the proof.

        Webex Connect's asset API is not confirmed (facts/connect.md 2.1).
        """
        if not ctx.run.answer("token_saved"):
            return self.waits_for(Turn.REQUESTER, Text("seen.form_open"))
        return self.ok(Text("seen.said_by_requester"))


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
    """C6: Generate Token, signed in as the Username."""

    name = "token"
    article_row = "C6"
    shown_in = "mailbox_fields"
