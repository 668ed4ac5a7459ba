"""Step C6, proven after a fix: the bot logs in as the mailbox again.

The bot uses the sign-in that the setup's rehearsal left.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from jobs.access.mailbox_login import Login, log_in
from jobs.channel.mailbox import login_name, other_names
from jobs.clouds.errors import Rejected, SignInNeeded
from jobs.engine.context import StepContext
from jobs.engine.failures import ERRORS_SETTLE_FOR, wrote_within
from jobs.engine.step import Step
from jobs.mail.smtp_login import SmtpProbe
from jobs.model import Finding, Text, Turn
from jobs.steps.rehearsal import PAUSES_S, spreading


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
