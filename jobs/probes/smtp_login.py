"""The bot's own login as the mailbox: what Webex Connect does, with a secret and a sign-in of its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from jobs.clock import now
from jobs.microsoft.errors import CloudError
from jobs.model import Access, Finding, State, Words, verbatim
from jobs.own_login import Login, log_in
from jobs.probe import Probe
from jobs.probes._reach import facts_of
from jobs.step import Context

OWN = {
    "client_secret_wrong": "client_secret",
    "client_secret_expired": "client_secret",
    "client_secret_missing": "client_secret",
    "session_revoked": "sessions sign_ins",
    "sign_in_missing": "sessions sign_ins",
    "access_token_refused": "sessions sign_ins",
    "grant_invalid": "sign_ins",
    "refresh_token_expired": "sign_ins",
    "request_rejected": "sign_ins",
    "redirect_uri_is_spa": "application",
    "account_disabled": "",
}
"""What may be wrong with the bot's own login alone, and which findings show that the channel's own is good.

The account, too: for a shared mailbox, whose own account is blocked as a rule, Webex Connect signs in as a delegate. Where the mailbox
is a user's, the directory says so with certainty (``mailbox_user``).
"""
RENEWED = timedelta(minutes=90)
"""Within so long Webex Connect renews its token (facts/microsoft.md 4): a sign-in that went well since is good still."""


class SmtpLogin(Probe):
    """A token by the refresh token of the rehearsal, then AUTH XOAUTH2 (DESIGN.md, decisions)."""

    name = "smtp_login"
    row = "C6"
    access = Access.NONE
    because = (
        "smtp_server",
        "entra",
        "application",
        "service_principal",
        "smtp_grant",
        "smtp_auth",
        "mailbox_user",
        "sessions",
        "client_secret",
        "security_defaults",
        "authentication_policy",
        "conditional_access",
        "exchange_health",
        "entra_health",
    )
    healed_by = ("answers",)
    once_disproved = State.SKIPPED

    async def inspect(self, ctx: Context) -> Finding:
        """Log in and leave; nothing is sent.

        The bot's own secret and its own sign-in may be dead while Webex Connect's live: that only may be the channel's cause, and is
        left out where the same is seen to be good. What Exchange refuses, and what Entra says of app and policies, is true of both.
        """
        place = ctx.run.place
        try:
            probe = await log_in(ctx, Login(ctx.channel.tenant_id, place.get("client_id", ""), place.get("upn", "")))
        except CloudError as error:
            return self._without_token(error)
        if probe is None:
            return self.skipped(Words("skipped.never_rehearsed"))
        found = self.ok(probe.seen) if probe.ok else self.wrong(probe.seen, cause=probe.cause, **facts_of(probe))
        return replace(found, evidence=probe.evidence)

    def _without_token(self, error: CloudError) -> Finding:
        told = verbatim(error.words)
        disproof = OWN.get(error.cause)
        if disproof is None:
            return replace(self.wrong(told, cause=error.cause), evidence=error.evidence())
        facts = {"disproved_by": disproof, "harmless_after": (now() - RENEWED).isoformat()}
        return replace(self.possible(told, error.cause), evidence=error.evidence(), facts=facts)
