"""The bot's own login as the mailbox: what Webex Connect does, with a secret and a sign-in of its own."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from jobs.mail.smtp import login_probe
from jobs.microsoft.errors import CloudError
from jobs.microsoft.http import sync_client
from jobs.microsoft.identity import Identity
from jobs.microsoft.scopes import SMTP_SCOPE
from jobs.model import Access, Evidence, Finding, Words
from jobs.probe import Probe
from jobs.step import Context

SIGN_IN_S = 90 * 24 * 3600
"""How long a refresh token lives unused, in seconds (facts/microsoft.md 4)."""


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
    )

    async def inspect(self, ctx: Context) -> Finding:
        """Log in and leave; nothing is sent. The renewed refresh token replaces the old one, which would die after 90 days."""
        secret, cache = (ctx.vault.get(f"{name}:{ctx.channel.mailbox}") for name in ("check-secret", "check-session"))
        if secret is None or cache is None:
            return self.skipped(Words("skipped.never_rehearsed"))
        try:
            token = await asyncio.to_thread(self._token, ctx, secret, cache)
        except CloudError as error:
            return replace(self.wrong(Words("verbatim", {"text": error.words}), cause=error.cause), evidence=error.evidence())
        probe = await login_probe(ctx.settings.smtp_server, ctx.run.place.get("upn") or ctx.channel.mailbox, token)
        evidence = (Evidence("smtp", probe.reply), *(Evidence("transcript", line) for line in probe.transcript))
        if probe.ok:
            return replace(self.ok(Words("seen.verbatim_reply", {"reply": probe.reply})), evidence=evidence)
        seen = Words("seen.smtp_failed", {"phase": f"key:phase.{probe.failed_phase}", "reply": probe.reply})
        return replace(self.wrong(seen, cause=probe.cause), evidence=evidence)

    def _token(self, ctx: Context, secret: str, cache: str) -> str:
        with sync_client(ctx.settings) as http:
            identity = Identity(ctx.settings.login_url, http, ctx.channel.tenant_id, ctx.run.place.get("client_id", ""), secret)
            token, renewed = identity.token(cache, [SMTP_SCOPE], refresh=True)
        ctx.vault.put(f"check-session:{ctx.channel.mailbox}", renewed, SIGN_IN_S)
        return token
