"""The bot's own login as the mailbox: what Webex Connect does, with a secret and a sign-in of its own."""

from __future__ import annotations

from dataclasses import replace

from jobs.microsoft.errors import CloudError
from jobs.model import Access, Evidence, Finding, Words
from jobs.own_login import Login, log_in
from jobs.probe import Probe
from jobs.step import Context


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
        "exchange_health",
        "entra_health",
    )

    async def inspect(self, ctx: Context) -> Finding:
        """Log in and leave; nothing is sent."""
        place = ctx.run.place
        try:
            probe = await log_in(ctx, Login(ctx.channel.tenant_id, place.get("client_id", ""), place.get("upn", "")))
        except CloudError as error:
            return replace(self.wrong(Words("verbatim", {"text": error.words}), cause=error.cause), evidence=error.evidence())
        if probe is None:
            return self.skipped(Words("skipped.never_rehearsed"))
        evidence = (Evidence("smtp", probe.reply), *(Evidence("transcript", line) for line in probe.transcript))
        if probe.ok:
            return replace(self.ok(Words("seen.verbatim_reply", {"reply": probe.reply})), evidence=evidence)
        seen = Words("seen.smtp_failed", {"phase": f"key:phase.{probe.failed_phase}", "reply": probe.reply})
        return replace(self.wrong(seen, cause=probe.cause), evidence=evidence)
