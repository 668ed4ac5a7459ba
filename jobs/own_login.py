"""The bot's own login as the mailbox: with the secret and the sign-in that the mailbox user left it in the rehearsal (DESIGN.md, decisions)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from jobs import own_sign_ins
from jobs.mail.smtp import SmtpProbe, login_probe
from jobs.microsoft import calls
from jobs.microsoft.http import sync_client
from jobs.microsoft.identity import Identity
from jobs.microsoft.scopes import smtp_scope
from jobs.step import Context

SIGN_IN_S = 90 * 24 * 3600
"""How long a refresh token lives unused, in seconds (facts/microsoft.md 4)."""


@dataclass(frozen=True, slots=True)
class Login:
    """Who logs in, by which app, in which tenant."""

    tenant: str
    client_id: str
    upn: str


async def log_in(ctx: Context, login: Login) -> SmtpProbe | None:
    """Log in and leave; nothing is sent. None where nobody rehearsed, so that there is nothing to log in with.

    The renewed refresh token replaces the old one, which would die after 90 days.

    Raises:
        CloudError: no token can be had.
    """
    secret, cache = (ctx.vault.get(f"{name}:{ctx.channel.mailbox}") for name in ("check-secret", "check-session"))
    if secret is None or cache is None:
        return None
    token = await asyncio.to_thread(_token, ctx, login, secret, cache)
    return await login_probe(ctx.settings.smtp_server, login.upn or ctx.channel.mailbox, token)


def _token(ctx: Context, login: Login, secret: str, cache: str) -> str:
    with sync_client(ctx.settings) as http, calls.noted() as made:
        try:
            identity = Identity(ctx.settings.login_url, http, login.tenant, login.client_id, secret)
            token, renewed = identity.token(cache, [smtp_scope(ctx.settings.exchange_url)], refresh=True)
        finally:
            own_sign_ins.note(ctx.store.redis, ctx.channel.mailbox, made)  # the sign-in log shows it beside Webex Connect's
    ctx.vault.put(f"check-session:{ctx.channel.mailbox}", renewed, SIGN_IN_S)
    return token
