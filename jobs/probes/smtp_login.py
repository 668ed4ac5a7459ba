"""The bot's own login as the mailbox: what Webex Connect does, with a secret and a sign-in of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from jobs.access.mailbox_login import Login, last_success, log_in
from jobs.clock import now
from jobs.clouds.cause_codes import causes
from jobs.clouds.errors import CloudError
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.step import Probe
from jobs.model import NO_SIGNALS, Access, Finding, Signals, State, Text, verbatim
from jobs.probes._reach import signals_of
from jobs.probes.sign_ins import NO_LOG, NO_SIGN_IN

OWN: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(causes("client_secret_wrong", "client_secret_expired", "client_secret_missing"), ("client_secret",)),
    **dict.fromkeys(causes("session_revoked"), ("sessions", "sign_ins")),
    **dict.fromkeys(causes("sign_in_missing", "access_token_refused", "grant_invalid"), ("sign_ins",)),
    **dict.fromkeys(causes("refresh_token_expired", "request_rejected"), ("sign_ins",)),
    **dict.fromkeys(causes("redirect_uri_is_spa"), ("application",)),
    **dict.fromkeys(causes("account_at_risk", "account_disabled"), ()),
}
"""What may be wrong with the bot's own login alone, and which findings show that the channel's own is good."""
LOCKED = "account_locked"
"""An account that is locked has the code of an address that Microsoft holds for malicious, which may be the bot's (facts/microsoft.md 5: 50053):
what shows that a policy is for the bot's place alone shows it of this, too. A sign-in from before it was locked shows nothing."""
GRANT = "grant_invalid"
"""What Entra says of one token, whatever others the same user has (facts/microsoft.md 4, 5: AADSTS70000)."""
OF_THE_USER = causes("session_revoked", GRANT, "refresh_token_expired")
"""What ends the bot's token and Webex Connect's alike, as both are the same user's, of the same app (facts/microsoft.md 4, 9 row 4).

Where the bot's was good about when Webex Connect's was generated, or later, nothing but Generate Token anew disproves it: a renewal that
went well may be older than that end. ``GRANT`` is disproved by a renewal since. One that the bot has not used for 90 days died by
that alone.
"""
SAME = timedelta(days=1)
"""So soon after the rehearsal Generate Token is pressed as a rule, and in between nobody's sign-ins are revoked."""
OF_THE_ACCOUNT = causes("account_at_risk", "account_disabled")
"""What Entra says of the account, from wherever it signs in (facts/microsoft.md 5): of a user's mailbox it is Webex Connect's, too.

For a shared mailbox, whose own account is blocked as a rule (2.1), Webex Connect may sign in as another delegate. Whether the mailbox was
made a shared one since the setup, only the directory tells (``mailbox_user``).
"""
OF_THE_PLACE = causes("blocked_by_conditional_access", "device_not_accepted", "mfa_needed", "mfa_registration_needed", "sign_in_frequency")
"""What a policy for places may refuse to the bot alone, as it signs in from another one than Webex Connect does (facts/microsoft.md 2.1)."""
BY_LOG, BY_LOG_OR_ANSWERS = ("sign_ins",), ("sign_ins", "answers")
"""What goes well for Webex Connect, as the sign-in log shows it, or an answer that leaves."""
POLICIES = "conditional_access"
"""The probe that tells whether a policy depends on the place."""
BEGINNING = datetime.min.replace(tzinfo=UTC)
RENEWED = timedelta(minutes=90)
"""Within so long Webex Connect renews its token (facts/microsoft.md 4): a sign-in that went well since is good still."""


class LoginDiagnosis(Diagnosis):
    """The bot's own login may fail for a reason that is not the channel's."""

    def is_uncertain(self, finding: Finding, findings: Mapping[str, Finding]) -> bool:
        """Certain is what a policy for every place asks for, a token unless the log could tell of Webex Connect's, the account of a user.

        And whatever keeps the bot out where Webex Connect says that it could not log in either.
        """
        sent = findings.get("connect_send")
        if sent is not None and sent.cause == "connect_login_failed":
            return False
        if finding.cause in OF_THE_PLACE:
            return not _everywhere(findings.get(POLICIES))
        if finding.cause == GRANT:
            return _unread(findings.get("sign_ins"))
        return finding.cause in OF_THE_ACCOUNT and _of_another(finding.cause, findings.get("mailbox_user"))

    def disproved(self, finding: Finding) -> Finding:
        """Left out, as what the bot's own login fails for is no matter of the channel's; Entra's words stay its evidence."""
        why = "skipped.own_place" if finding.cause in OF_THE_PLACE else "skipped.own_sign_in"
        return replace(super().disproved(finding), seen=Text(why))


class SmtpLogin(Probe):
    """A token by the refresh token of the rehearsal, then AUTH XOAUTH2 (DESIGN.md, decisions)."""

    name = "smtp_login"
    article_row = "C6"
    diagnosis = LoginDiagnosis(
        access=Access.NONE,
        caused_by=(
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
        ),
        superseded_by=("answers",),
        state_if_disproved=State.SKIPPED,
    )

    async def inspect(self, ctx: StepContext) -> Finding:
        """Log in and leave; nothing is sent.

        The bot's own secret and its own sign-in may be dead while Webex Connect's live: that only may be the channel's cause, and is
        left out where the same is seen to be good. What Exchange refuses, and what Entra says of the app, is true of both; so is what it
        says of the account and of the user's sign-ins. What it says of a place, or of one token, needs another finding
        (:meth:`LoginDiagnosis.is_uncertain`).
        """
        brief = ctx.run.brief
        try:
            probe = await log_in(ctx, Login(ctx.channel.tenant_id, brief.client_id, brief.upn))
        except CloudError as error:
            return self._without_token(ctx, error)
        if probe is None:
            return self.skipped(Text("skipped.never_rehearsed"))
        found = self.ok(probe.seen) if probe.ok else self.wrong(probe.seen, cause=probe.cause, signals=signals_of(probe))
        return replace(found, evidence=probe.evidence)

    def _without_token(self, ctx: StepContext, error: CloudError) -> Finding:
        signals, certain = _weight(ctx, error.cause)
        found = self.wrong(verbatim(error.words), cause=error.cause, signals=signals)
        return replace(found, state=State.WRONG if certain else State.POSSIBLE, evidence=error.evidence())


def _weight(ctx: StepContext, cause: str) -> tuple[Signals, bool]:
    """Return what may disprove a refusal of the bot's token, and whether it is certain until then."""
    if cause in OF_THE_USER and _speaks_for_both(ctx):
        shown_by: Literal["at", "generated_at"] = "at" if cause == GRANT else "generated_at"
        return Signals(disproved_by=BY_LOG, harmless_after=_newest(ctx), shown_by=shown_by), True
    if cause in OF_THE_PLACE or cause == LOCKED:
        return Signals(disproved_by=BY_LOG_OR_ANSWERS, as_of=POLICIES), True
    if cause in OWN and not (cause in OF_THE_ACCOUNT and not ctx.run.brief.shared):
        later = max(_newest(ctx), now() - RENEWED)
        return Signals(disproved_by=OWN[cause], harmless_after=later), False
    return NO_SIGNALS, True


def _everywhere(policies: Finding | None) -> bool:
    """Whether the policies were read, and none that touches the sign-in asks for a place."""
    return policies is not None and policies.state in {State.OK, State.POSSIBLE} and not policies.signals.by_place


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
