"""Revocation of the mailbox user's sign-ins after Webex Connect got its token."""

from __future__ import annotations

from typing import Any

from jobs.causes.cause import Cause
from jobs.clock import parse
from jobs.clouds.json_values import text_of
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.step import Probe
from jobs.model import Finding, Signals, Text, minute_of


class Sessions(Probe):
    """Probe that checks whether the user's sign-ins were revoked after the last Generate Token.

    That is so if ``signInSessionsValidFromDateTime`` is later than the token. Source:
    platforms/microsoft.md 8 row 4.
    """

    name = "sessions"
    article_row = "C6"
    needs = ("mailbox_user", "delegate")
    reads = ("User.Read.All",)
    diagnosis = Diagnosis(
        explains=frozenset(
            {Cause.SESSION_REVOKED, Cause.GRANT_INVALID, Cause.REFRESH_TOKEN_EXPIRED}
        ),
        superseded_by=("answers", "sign_ins"),
    )

    async def inspect(self, ctx: StepContext) -> Finding:
        """Compare the times of the revocation and of the last Generate Token.

        If one of them is unknown, the result is unknown. For a shared mailbox the delegate got the
        token. If the delegate is not known, the probe is skipped.
        """
        if ctx.fact("shared") and not ctx.fact("delegate_id"):
            return self.skipped(Text("skipped.delegate_unknown"))
        user = await _user(ctx)
        valid_from, token_at = (
            parse(user.get("signInSessionsValidFromDateTime")),
            ctx.run.brief.token_at,
        )
        if valid_from is None or token_at is None:
            return self.skipped(Text("skipped.moment_unknown"))
        values = {
            "revoked": minute_of(valid_from),
            "token": minute_of(token_at),
        }
        if valid_from > token_at:
            return self.wrong(
                Text("seen.revoked", values),
                cause=Cause.SESSION_REVOKED,
                signals=Signals(since=valid_from),
            )
        return self.ok(Text("seen.not_revoked", values))


async def _user(ctx: StepContext) -> dict[str, Any]:
    """Return the user who signs in; for many channels, the mailbox's own is in memory."""
    known = ctx.fact("delegate_id") or ctx.fact("user_id") or ctx.channel.mailbox
    if ctx.many:
        read = await ctx.graph.user(ctx.channel.mailbox) or {}
        if text_of(read, "id") == known:
            return read
    return await ctx.graph.user(known) or {}
