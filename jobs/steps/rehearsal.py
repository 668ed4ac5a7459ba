"""Step C6: the bot does the same login that Webex Connect will do, or does after a fix.

A wrong setting shows in the rehearsal, before the form is filled in. After a fix the bot uses the
sign-in that the setup's rehearsal left.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from jobs.access import mailbox_login
from jobs.access.mailbox_login import Login, log_in
from jobs.causes.cause import Cause
from jobs.channel.mailbox import SIGNED_IN, login_name, other_names
from jobs.clock import now
from jobs.clouds.errors import Rejected, SignInNeeded
from jobs.engine.context import StepContext
from jobs.engine.failures import ERRORS_SETTLE_FOR, wrote_within
from jobs.engine.step import Step
from jobs.mail.smtp_login import BUSY, SmtpProbe, login_with
from jobs.model import Finding, Text, Turn
from jobs.storage.vault import Sealed

SPREADS = frozenset(
    {
        Cause.SMTP_AUTH_OFF_FOR_MAILBOX,
        Cause.SMTP_AUTH_OFF_FOR_TENANT,
        Cause.SMTP_TOKEN_REFUSED,
        Cause.SMTP_LOGIN_BLOCKED,
    }
)
PASSES = BUSY | frozenset({Cause.SMTP_UNREACHABLE, Cause.TIMED_OUT})
"""Causes that say nothing about the login, which is retried first (platforms/microsoft.md 4.1)."""
SPREADS_FOR = timedelta(hours=1)
"""Time for a mailbox's SMTP AUTH to reach every server: minutes to an hour (microsoft.md 2.1,
not confirmed).
"""
PAUSES_S = (2.0, 5, 10, 20, 40, 60, 120, 300)


class Rehearsal(Step):
    """Step C6: the mailbox user's token logs in at the SMTP server using XOAUTH2.

    For a shared mailbox it is the delegate's token, and the delegate is the user name. A login does
    not prove the right to send as the mailbox (microsoft.md 4): ``send_as`` and the agent's
    answer do. The fact ``username`` is set if the server takes only another name: the form then
    needs it.
    """

    name = "rehearsal"
    article_row = "C6"
    group = "connect"
    needs = ("check_secret", "smtp_auth", "smtp_grant", "send_as", "admin_consent")
    automatic = False
    returns_with = SIGNED_IN

    async def inspect(self, ctx: StepContext) -> Finding:
        """Log in phase by phase without sending; only a success is kept for checks."""
        answer = ctx.run.answer("rehearse")
        if answer.startswith("skip"):
            return self.skipped(
                Text("skipped.rehearsal_because", {"reason": answer.partition(":")[2]})
            )
        token = ctx.vault.get(Sealed.REHEARSAL_TOKEN.of(ctx.run.id))
        if token is None:
            return self.waits_for(Turn.MAILBOX_USER, Text("seen.rehearsal_open"))
        server, username = ctx.settings.smtp_server, login_name(ctx)
        probe = await login_with(server, username, other_names(ctx), token)
        return replace(self._judged(ctx, probe), evidence=probe.evidence)

    def _judged(self, ctx: StepContext, probe: SmtpProbe) -> Finding:
        if not probe.ok:
            return self._failed(ctx, probe)
        mailbox_login.save(ctx.vault, ctx.run)
        return self.ok(probe.seen, facts={"username": probe.instead} if probe.instead else None)

    def _is_passing(self, ctx: StepContext, probe: SmtpProbe) -> bool:
        return probe.cause in PASSES and ctx.run.waits.get(self.name, 0) < len(PAUSES_S)

    def _failed(self, ctx: StepContext, probe: SmtpProbe) -> Finding:
        if self._is_passing(ctx, probe) or spreading(ctx, probe):
            return self.waits_for(
                Turn.TIME, probe.seen, cause=probe.cause, again_s=ctx.pause(self.name, PAUSES_S)
            )
        return self.waits_for(Turn.MAILBOX_USER, probe.seen, cause=probe.cause)


def spreading(ctx: StepContext, probe: SmtpProbe) -> bool:
    """Return whether the SMTP server may not know yet that this run enabled SMTP AUTH."""
    changed = ctx.run.changed.get("smtp_auth")
    return changed is not None and now() - changed.begun < SPREADS_FOR and probe.cause in SPREADS


class OwnLogin(Step):
    """Step C6: the bot's own SMTP login gets reply 235, as Webex Connect will get it.

    The step is skipped if the bot has no sign-in of its own, or if that sign-in is no longer valid.
    """

    name = "own_login"
    article_row = "C6"
    group = "connect"
    needs = ("smtp_auth", "smtp_grant", "service_principal", "client_secret")
    automatic = False

    async def inspect(self, ctx: StepContext) -> Finding:
        """Log in and disconnect; a refusal within an hour of a change is checked again."""
        try:
            account = ctx.run.account
            tenant_id = ctx.channel.tenant_id or (account.tenant_id if account else "")
            login = Login(tenant_id, ctx.fact("client_id"), login_name(ctx), other_names(ctx))
            probe = await log_in(ctx, login)
        except (
            SignInNeeded,
            Rejected,
        ) as error:  # the bot's own sign-in or secret, not the administrator's
            return self._without_token(ctx, error)
        if probe is None:
            return self.skipped(Text("skipped.never_rehearsed"))
        return replace(self._judged(ctx, probe), evidence=probe.evidence)

    def _without_token(self, ctx: StepContext, error: SignInNeeded | Rejected) -> Finding:
        """Wait if a change may still spread, or skip: the bot's own sign-in says nothing."""
        if error.can_be_replication and wrote_within(ctx.run, ERRORS_SETTLE_FOR):
            seen = Text("seen.login_settles", {"reply": error.words})
            return self.waits_for(
                Turn.TIME, seen, cause=error.cause, again_s=ctx.pause(self.name, PAUSES_S)
            )
        return replace(self.skipped(Text("skipped.own_sign_in")), evidence=error.evidence())

    def _judged(self, ctx: StepContext, probe: SmtpProbe) -> Finding:
        if probe.ok:
            return self.ok(probe.seen)
        if spreading(ctx, probe):
            return self.waits_for(
                Turn.TIME, probe.seen, cause=probe.cause, again_s=ctx.pause(self.name, PAUSES_S)
            )
        return self.waits_for(
            Turn.ADMINISTRATOR,
            probe.seen,
            cause=probe.cause,
            again_s=timedelta(minutes=5).total_seconds(),
        )
