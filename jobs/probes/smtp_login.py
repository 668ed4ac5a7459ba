"""The bot's own login as the mailbox: what Webex Connect does, with a secret and a sign-in of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from jobs.access.mailbox_login import Login, last_success, log_in
from jobs.clock import now
from jobs.clouds.errors import CloudError
from jobs.engine.step import Probe, StepContext
from jobs.model import Access, Finding, State, Text, verbatim
from jobs.probes._reach import facts_of
from jobs.probes.sign_ins import NO_LOG, NO_SIGN_IN

OWN = {
    "client_secret_wrong": "client_secret",
    "client_secret_expired": "client_secret",
    "client_secret_missing": "client_secret",
    "session_revoked": "sessions sign_ins",
    "sign_in_missing": "sign_ins",
    "access_token_refused": "sign_ins",
    "grant_invalid": "sign_ins",
    "refresh_token_expired": "sign_ins",
    "request_rejected": "sign_ins",
    "redirect_uri_is_spa": "application",
    "account_at_risk": "",
    "account_disabled": "",
}
"""What may be wrong with the bot's own login alone, and which findings show that the channel's own is good."""
LOCKED = "account_locked"
"""An account that is locked has the code of an address that Microsoft holds for malicious, which may be the bot's (facts/microsoft.md 5: 50053):
what shows that a policy is for the bot's place alone shows it of this, too. A sign-in from before it was locked shows nothing."""
GRANT = "grant_invalid"
"""What Entra says of one token, whatever others the same user has (facts/microsoft.md 4, 5: AADSTS70000)."""
OF_THE_USER = frozenset({"session_revoked", GRANT, "refresh_token_expired"})
"""What ends the bot's token and Webex Connect's alike, as both are the same user's, of the same app (facts/microsoft.md 4, 9 row 4).

Where the bot's was good about when Webex Connect's was generated, or later, nothing but Generate Token anew disproves it: a renewal that
went well may be older than that end. ``GRANT`` is disproved by a renewal since. One that the bot has not used for 90 days died by
that alone.
"""
SAME = timedelta(days=1)
"""So soon after the rehearsal Generate Token is pressed as a rule, and in between nobody's sign-ins are revoked."""
OF_THE_ACCOUNT = frozenset({"account_at_risk", "account_disabled"})
"""What Entra says of the account, from wherever it signs in (facts/microsoft.md 5): of a user's mailbox it is Webex Connect's, too.

For a shared mailbox, whose own account is blocked as a rule (2.1), Webex Connect may sign in as another delegate. Whether the mailbox was
made a shared one since the setup, only the directory tells (``mailbox_user``).
"""
OF_THE_PLACE = frozenset(
    {
        "blocked_by_conditional_access",
        "device_not_accepted",
        "mfa_needed",
        "mfa_registration_needed",
        "sign_in_frequency",
    }
)
"""What a policy for places may refuse to the bot alone, as it signs in from another one than Webex Connect does (facts/microsoft.md 2.1)."""
BEGINNING = datetime.min.replace(tzinfo=UTC)
RENEWED = timedelta(minutes=90)
"""Within so long Webex Connect renews its token (facts/microsoft.md 4): a sign-in that went well since is good still."""


class SmtpLogin(Probe):
    """A token by the refresh token of the rehearsal, then AUTH XOAUTH2 (DESIGN.md, decisions)."""

    name = "smtp_login"
    article_row = "C6"
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

    async def inspect(self, ctx: StepContext) -> Finding:
        """Log in and leave; nothing is sent.

        The bot's own secret and its own sign-in may be dead while Webex Connect's live: that only may be the channel's cause, and is
        left out where the same is seen to be good. What Exchange refuses, and what Entra says of the app, is true of both; so is what it
        says of the account and of the user's sign-ins. What it says of a place, or of one token, needs another finding (:meth:`doubted`).
        """
        brief = ctx.run.brief
        try:
            probe = await log_in(ctx, Login(ctx.channel.tenant_id, brief.client_id, brief.upn))
        except CloudError as error:
            return self._without_token(ctx, error)
        if probe is None:
            return self.skipped(Text("skipped.never_rehearsed"))
        found = self.ok(probe.seen) if probe.ok else self.wrong(probe.seen, cause=probe.cause, **facts_of(probe))
        return replace(found, evidence=probe.evidence)

    def is_uncertain(self, finding: Finding, findings: Mapping[str, Finding]) -> bool:
        """Certain is what a policy for every place asks for, a token unless the log could tell of Webex Connect's, the account of a user.

        And whatever keeps the bot out where Webex Connect says that it could not log in either.
        """
        sent = findings.get("connect_send")
        if sent is not None and sent.cause == "connect_login_failed":
            return False
        if finding.cause in OF_THE_PLACE:
            return not _everywhere(findings.get("conditional_access"))
        if finding.cause == GRANT:
            return _unread(findings.get("sign_ins"))
        return finding.cause in OF_THE_ACCOUNT and _of_another(finding.cause, findings.get("mailbox_user"))

    def disproved(self, finding: Finding) -> Finding:
        """Left out, as what the bot's own login fails for is no matter of the channel's; Entra's words stay its evidence."""
        why = "skipped.own_place" if finding.cause in OF_THE_PLACE else "skipped.own_sign_in"
        return replace(super().disproved(finding), seen=Text(why))

    def _without_token(self, ctx: StepContext, error: CloudError) -> Finding:
        told = verbatim(error.words)
        if error.cause in OF_THE_USER and _speaks_for_both(ctx):
            facts = {"disproved_by": "sign_ins", "harmless_after": _newest(ctx).isoformat()}
            shown = {} if error.cause == GRANT else {"shown_by": "generated_at"}
            found = self.wrong(told, cause=error.cause, **facts, **shown)
        elif error.cause in OF_THE_PLACE or error.cause == LOCKED:
            found = self.wrong(told, cause=error.cause, disproved_by="sign_ins answers", as_of="conditional_access")
        elif error.cause in OWN and (error.cause not in OF_THE_ACCOUNT or ctx.run.brief.shared):
            later = max(_newest(ctx), now() - RENEWED).isoformat()
            found = self.possible(told, error.cause, disproved_by=OWN[error.cause], harmless_after=later)
        else:
            found = self.wrong(told, cause=error.cause)
        return replace(found, evidence=error.evidence())


def _everywhere(policies: Finding | None) -> bool:
    """Whether the policies were read, and none that touches the sign-in asks for a place."""
    return policies is not None and policies.state in {State.OK, State.POSSIBLE} and "by_place" not in policies.facts


def _unread(log: Finding | None) -> bool:
    """Whether there may be a sign-in log, and it was not read."""
    return log is None or log.state is State.UNKNOWN or (log.state is State.SKIPPED and log.seen not in (NO_LOG, NO_SIGN_IN))


def _of_another(cause: str, user: Finding | None) -> bool:
    """Whether the directory knows the account of the mailbox otherwise: as a shared mailbox's, or as one that may sign in."""
    return user is not None and ("shared" in user.facts or (cause == "account_disabled" and user.state is State.OK))


def _speaks_for_both(ctx: StepContext) -> bool:
    """Whether what has ended the bot's token is true of Webex Connect's, too: the bot's was good when that was generated, or later.

    Both are the same user's, but for a shared mailbox, for which several may sign in.
    """
    good, token_at = last_success(ctx.store.redis, ctx.channel.mailbox), ctx.run.brief.token_at
    return not ctx.run.brief.shared and good is not None and (token_at is None or token_at <= good + SAME)


def _newest(ctx: StepContext) -> datetime:
    """When the bot's own login or Generate Token last went well, as far as is known."""
    known = (last_success(ctx.store.redis, ctx.channel.mailbox), ctx.run.brief.token_at)
    return max((each for each in known if each), default=BEGINNING)
