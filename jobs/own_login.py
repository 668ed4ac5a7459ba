"""The bot's own login as the mailbox: with the secret and the sign-in that the mailbox user left it in the rehearsal (DESIGN.md, decisions)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redis import Redis

from jobs import own_sign_ins
from jobs.clock import now
from jobs.mail.smtp import SmtpProbe, login_probe
from jobs.microsoft import calls
from jobs.microsoft.http import sync_client
from jobs.microsoft.identity import Identity
from jobs.microsoft.scopes import smtp_scope
from jobs.run import Run
from jobs.step import Context
from jobs.vault import Vault

SIGN_IN_S = 90 * 24 * 3600
"""How long a refresh token lives unused, in seconds (facts/microsoft.md 4)."""


@dataclass(frozen=True, slots=True)
class Login:
    """Who logs in, by which app, in which tenant."""

    tenant: str
    client_id: str
    upn: str


def keep(vault: Vault, run: Run) -> None:
    """Keep the secret and the sign-in of a rehearsal that went well for checks: with that sign-in the mailbox user has given their word."""
    if (cache := vault.get(f"rehearsal-session:{run.id}")) is not None:
        vault.put(f"check-session:{run.channel.mailbox}", cache, SIGN_IN_S)
    vault.move(f"rehearsal-secret:{run.id}", f"check-secret:{run.channel.mailbox}")


def close(vault: Vault, run_id: str) -> None:
    """Drop what a run has sealed for a rehearsal and not kept: it has ended, or nobody rehearses."""
    for name in ("rehearsal", "rehearsal-session", "rehearsal-secret"):
        vault.drop(f"{name}:{run_id}")


def forget(vault: Vault, mailbox: str) -> None:
    """Drop what was kept: it was undone, or nobody wants it kept."""
    for name in ("check-session", "check-secret"):
        vault.drop(f"{name}:{mailbox}")


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
    went_well(ctx.store.redis, ctx.channel.mailbox)
    return await login_probe(ctx.settings.smtp_server, login.upn or ctx.channel.mailbox, token)


def went_well(redis: Redis, mailbox: str) -> None:
    """The bot has just got a token as the mailbox."""
    redis.set(_key(mailbox), now().isoformat(), ex=SIGN_IN_S)


def last_good(redis: Redis, mailbox: str) -> datetime | None:
    """When it last got one; None where that is not known, or so long ago that its sign-in may have died unused."""
    known: Any = redis.get(_key(mailbox))
    return datetime.fromisoformat(known.decode()) if known else None


def _key(mailbox: str) -> str:
    return f"channel:{mailbox}:own-login"


def _token(ctx: Context, login: Login, secret: str, cache: str) -> str:
    with sync_client(ctx.settings) as http, calls.noted() as made:
        try:
            identity = Identity(ctx.settings.login_url, http, login.tenant, login.client_id, secret)
            token, renewed = identity.token(cache, [smtp_scope(ctx.settings.exchange_url)], refresh=True)
        finally:
            own_sign_ins.note(ctx.store.redis, ctx.channel.mailbox, made)  # the sign-in log shows it beside Webex Connect's
    ctx.vault.put(f"check-session:{ctx.channel.mailbox}", renewed, SIGN_IN_S)
    return token
