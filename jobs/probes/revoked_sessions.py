"""Whether the mailbox user's sign-ins were revoked after Webex Connect got its token."""

from __future__ import annotations

from jobs.clock import parse
from jobs.engine.step import Probe, StepContext
from jobs.model import Finding, Text


class Sessions(Probe):
    """``signInSessionsValidFromDateTime`` is older than the last Generate Token (facts/microsoft.md 9, row 4)."""

    name = "sessions"
    article_row = "C6"
    explains = frozenset({"session_revoked", "grant_invalid", "refresh_token_expired"})
    healed_by = ("answers", "sign_ins")
    needs = ("mailbox_user",)
    reads = ("User.Read.All",)

    async def inspect(self, ctx: StepContext) -> Finding:
        """Compare two moments; where one is not known, nothing is. For a shared mailbox it is another user who got the token."""
        if ctx.fact("shared"):
            return self.skipped(Text("skipped.delegate_unknown"))
        user = await ctx.graph.user(ctx.fact("user_id") or ctx.channel.mailbox) or {}
        valid_from, token_at = parse(user.get("signInSessionsValidFromDateTime")), ctx.run.brief.token_at
        if valid_from is None or token_at is None:
            return self.skipped(Text("skipped.moment_unknown"))
        values = {"revoked": f"{valid_from:%d %b %H:%M} UTC", "token": f"{token_at:%d %b %H:%M} UTC"}
        if valid_from > token_at:
            return self.wrong(Text("seen.revoked", values), cause="session_revoked", since=valid_from.isoformat())
        return self.ok(Text("seen.not_revoked", values))
