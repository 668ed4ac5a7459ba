"""The SMTP server, and the bot's own login as the mailbox.

The login is the same as Webex Connect's, with the bot's own secret and sign-in. If the bot cannot
reach the SMTP server, Webex Connect, which connects from elsewhere, may reach it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from jobs.access.mailbox_login import Login, last_success, log_in
from jobs.causes.cause import Cause
from jobs.causes.patterns import patterns
from jobs.clock import now
from jobs.clouds.errors import CloudError
from jobs.engine.step import Diagnosis, Probe, Step, StepContext
from jobs.mail.smtp_login import SmtpProbe, hello_probe
from jobs.model import NO_SIGNALS, Evidence, Finding, Reason, Signals, State, Text, verbatim


class SmtpServer(Probe, row="smtp_server"):
    """Probe of greeting, certificate, STARTTLS and XOAUTH2 (platforms/microsoft.md 4)."""

    async def inspect(self, ctx: StepContext) -> Finding:
        probe = await ctx.reads.read("smtp_server", lambda: hello_probe(ctx.settings.smtp_server))
        answers = Text("seen.smtp_answers", {"server": ctx.settings.smtp_server})
        return finding_from_probe(self, probe, answers, probe.lines)


FRESH = timedelta(hours=1)
"""Time within which an answer shows that the server can be reached, if no mail waits."""


def finding_from_probe(
    step: Step, probe: SmtpProbe, good: Text, evidence: tuple[Evidence, ...]
) -> Finding:
    """Return ``good`` if the connection worked, else the server's words and the failed phase.

    If the connection itself fails, for example behind our own firewall, an answer that left shows
    that only the bot is affected. A later failure is the server's own reply, so only a success from
    now on is newer.
    """
    if probe.ok:
        return step.ok(good, evidence=evidence)
    signals = Signals(harmless_after=now())
    if probe.failed_phase == "connect":
        signals = Signals(harmless_after=now() - FRESH, token_lives=True)
    return step.wrong(probe.seen, cause=probe.cause, signals=signals, evidence=evidence)


BY_LOG, BY_LOG_OR_ANSWERS = ("sign_ins",), ("sign_ins", "answers")
"""Findings that show a success of Webex Connect: the sign-in log, or an answer that leaves."""
LOCKED = Cause.ACCOUNT_LOCKED
"""Cause with two meanings: a locked account, or an address that Microsoft considers malicious.

The address may be the bot's. Both have the code 50053 (platforms/microsoft.md 5). The findings that
show a policy to concern only the bot's location show the same for this cause. A sign-in from before
the account was locked shows nothing.
"""
GRANT = Cause.GRANT_INVALID
"""Cause of one token, whatever the user's others (platforms/microsoft.md 4, 5: AADSTS70000)."""
OF_THE_USER = frozenset({Cause.SESSION_REVOKED, GRANT, Cause.REFRESH_TOKEN_EXPIRED})
"""Causes that end both tokens, the bot's and Webex Connect's, which share the user and the app.

Source: platforms/microsoft.md 4, 8 row 4. If the bot's token was valid around the time when Webex
Connect's was generated, or later, only a new Generate Token disproves these causes, because a
successful renewal may be older than that end. ``GRANT`` is disproved by a later renewal. A token
that the bot has not used for 90 days has expired for that reason alone.
"""
SAME = timedelta(days=1)
"""Time from the rehearsal to Generate Token, in which no sign-in is revoked as a rule."""
OF_THE_ACCOUNT = frozenset({Cause.ACCOUNT_AT_RISK, Cause.ACCOUNT_DISABLED})
"""Causes that concern the account from any location (platforms/microsoft.md 5).

For a user's mailbox they affect Webex Connect too. The own account of a shared mailbox is normally
blocked (2.1), and the delegate's account counts. Only the directory shows whether
the mailbox was made a shared one since the setup (``mailbox_user``).
"""
POLICIES = "conditional_access"
"""Name of the probe that finds out whether a policy depends on the location."""
BEGINNING = datetime.min.replace(tzinfo=UTC)
RENEWED = timedelta(minutes=90)
"""Time within which Connect renews its token, so a success is valid (platforms/microsoft.md 4)."""


class LoginDiagnosis(Diagnosis):
    """Diagnosis of the bot's own login, which may fail for a reason that is not the channel's."""

    def is_uncertain(self, finding: Finding, findings: Mapping[str, Finding]) -> bool:
        """Return whether a failure of the bot's login may not affect Webex Connect.

        A policy for every location and a user's account affect both. A refused token does unless a
        sign-in log that was not read could show Webex Connect's.
        """
        if finding.cause in patterns().groups["of_place"]:
            return not _everywhere(findings.get(POLICIES))
        if finding.cause == GRANT:
            log = findings.get("sign_ins")
            return (
                log is None
                or log.state is State.UNKNOWN
                or (
                    log.state is State.SKIPPED
                    and log.reason not in {Reason.NO_SIGN_IN_LOG, Reason.NO_SIGN_IN}
                )
            )
        return finding.cause in OF_THE_ACCOUNT and _of_another(
            finding.cause, findings.get("mailbox_user")
        )

    def disproved(self, finding: Finding) -> Finding:
        """Return that the login does not concern the channel; Entra's text stays as evidence."""
        of_place = finding.cause in patterns().groups["of_place"]
        why = "skipped.own_place" if of_place else "skipped.own_sign_in"
        return replace(super().disproved(finding), seen=Text(why))


class SmtpLogin(Probe, row="smtp_login"):
    """Probe that logs in with AUTH XOAUTH2 and a token from the rehearsal's refresh token."""

    diagnosis: LoginDiagnosis
    own: Mapping[str, tuple[str, ...]]
    """Causes that may affect only the bot's own login, and findings that prove the channel's."""

    async def inspect(self, ctx: StepContext) -> Finding:
        """Log in and disconnect, without sending anything.

        The bot's own secret and sign-in may be invalid while Webex Connect's are valid: a failure
        of them is only a possible cause. Exchange's refusals, and Entra's errors about the app, the
        account and the user's sign-ins, apply to both. Entra's errors about a location or one token
        need another finding (:meth:`LoginDiagnosis.is_uncertain`).
        """
        # a sign-in that another space's setup left is not this channel's
        found = ctx.run.brief.discover
        try:
            probe = None if found else await log_in(ctx, login_of(ctx))
        except CloudError as error:
            return self._without_token(ctx, error)
        if probe is None:
            return self.skipped(Text("skipped.never_rehearsed"))
        return finding_from_probe(self, probe, probe.seen, probe.evidence)

    def _without_token(self, ctx: StepContext, error: CloudError) -> Finding:
        signals, certain = _weight(ctx, error.cause)
        judged, evidence = self.wrong if certain else self.possible, error.evidence()
        words = verbatim(error.words)
        return judged(words, cause=error.cause, signals=signals, evidence=evidence)


def login_of(ctx: StepContext) -> Login:
    """Return the login of the user who rehearsed; for a shared mailbox that is the delegate."""
    brief, mailbox = ctx.run.brief, ctx.channel.mailbox
    if brief.shared:
        return Login(ctx.channel.tenant_id, brief.client_id, brief.delegate, (mailbox,))
    return Login(ctx.channel.tenant_id, brief.client_id, brief.upn)


def _weight(ctx: StepContext, cause: str) -> tuple[Signals, bool]:
    if cause in OF_THE_USER and _speaks_for_both(ctx):
        since = _newest(ctx)
        if cause == GRANT and since > BEGINNING:  # Entra's log has whole seconds
            since = since.replace(microsecond=0) - timedelta(microseconds=1)
        # any later renewal disproves the end of one token, other causes a sign-in in person
        shown_by: Literal["at", "generated_at"] = "at" if cause == GRANT else "generated_at"
        return Signals(disproved_by=BY_LOG, harmless_after=since, shown_by=shown_by), True
    if cause in {*patterns().groups["of_place"], LOCKED}:
        return Signals(disproved_by=BY_LOG_OR_ANSWERS, as_of=POLICIES), True
    of_the_user = cause in OF_THE_ACCOUNT and not ctx.run.brief.shared
    if cause in SmtpLogin.own and not of_the_user:
        later = max(_newest(ctx), now() - RENEWED)
        return Signals(disproved_by=SmtpLogin.own[cause], harmless_after=later), False
    return NO_SIGNALS, True


def _everywhere(policies: Finding | None) -> bool:
    return (
        policies is not None
        and policies.state in {State.OK, State.POSSIBLE}
        and not policies.signals.by_place
    )


def _of_another(cause: str, user: Finding | None) -> bool:
    return user is not None and (
        "shared" in user.facts or (cause == Cause.ACCOUNT_DISABLED and user.state is State.OK)
    )


def _speaks_for_both(ctx: StepContext) -> bool:
    """Return whether the bot's token was valid when Webex Connect's was generated, or later.

    Then its end applies to both, except for a shared mailbox, for which several users sign in.
    """
    good, token_at = last_success(ctx.store.redis, ctx.channel.mailbox), ctx.run.brief.token_at
    return (
        not ctx.run.brief.shared
        and good is not None
        and (token_at is None or token_at <= good + SAME)
    )


def _newest(ctx: StepContext) -> datetime:
    known = (last_success(ctx.store.redis, ctx.channel.mailbox), ctx.run.brief.token_at)
    return max(filter(None, known), default=BEGINNING)
