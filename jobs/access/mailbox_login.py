"""Which rows of Entra's sign-in log are the bot's own: each check renews a token of the email app, as Webex Connect does.

Kept as long as the log is looked back on. A row is known by the number that the request had. Nothing promises that the log tells that
number: where it tells none, or knows none of ours, a row is known by its second.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from redis import Redis

from jobs.clock import now
from jobs.clouds import call_log
from jobs.clouds.http import sync_client
from jobs.engine.context import StepContext
from jobs.mail.smtp_login import SmtpProbe, login_probe
from jobs.microsoft.identity import Identity
from jobs.microsoft.scopes import smtp_scope
from jobs.microsoft.sign_in_log import SignInRow
from jobs.runs.run import Run
from jobs.storage import keys
from jobs.storage.vault import Sealed, Vault

KEPT = timedelta(days=8)


NEAR = timedelta(seconds=2)
"""The log tells seconds, and the two clocks may differ."""


_ID = re.compile(r"request-id=(\S+)")


@dataclass(frozen=True, slots=True)
class OwnSignIns:
    """The numbers of our requests, in lower case, and when they were made."""

    numbers: frozenset[str]
    moments: tuple[datetime, ...]

    def without_own(self, rows: Iterable[SignInRow]) -> list[SignInRow]:
        """The rows without ours. By the second only what nobody did in person is ours, unless the row has no number at all."""
        every = list(rows)
        numbered = any(self._numbers(row) & self.numbers for row in every)
        return [
            row for row in every if not (self._numbers(row) & self.numbers or (self._unsure(row, numbered=numbered) and self._near(row)))
        ]

    def _unsure(self, row: SignInRow, *, numbered: bool) -> bool:
        return not self._numbers(row) or not (numbered or row.interactive)

    def _near(self, row: SignInRow) -> bool:
        return any(abs(row.at - moment) <= NEAR for moment in self.moments)

    def _numbers(self, row: SignInRow) -> set[str]:
        return {number.lower() for number in (row.correlation_id, row.id) if number}


def record_sign_in(redis: Redis, mailbox: str, made: Iterable[str]) -> None:
    """Remember the calls to Entra, as :func:`jobs.clouds.call_log.noted` tells them."""
    at = now().timestamp()
    numbers = {number.lower(): at for line in made if line.startswith("entra ") for number in _ID.findall(line)}
    if not numbers:
        return
    with redis.pipeline() as together:
        together.zadd(keys.own_sign_ins(mailbox), numbers)
        together.zremrangebyscore(keys.own_sign_ins(mailbox), 0, at - KEPT.total_seconds())
        together.expire(keys.own_sign_ins(mailbox), KEPT)
        together.execute()


def own_sign_ins(redis: Redis, mailbox: str) -> OwnSignIns:
    """What is remembered of the mailbox's checks."""
    rows: Any = redis.zrange(keys.own_sign_ins(mailbox), 0, -1, withscores=True)
    return OwnSignIns(
        frozenset(number.decode() for number, _ in rows), tuple(datetime.fromtimestamp(float(score), UTC) for _, score in rows)
    )


SIGN_IN_S = 90 * 24 * 3600
"""How long a refresh token lives unused, in seconds (facts/microsoft.md 4)."""


@dataclass(frozen=True, slots=True)
class Login:
    """Who logs in, by which app, in which tenant."""

    tenant: str
    client_id: str
    upn: str


def save(vault: Vault, run: Run) -> None:
    """Keep the secret and the sign-in of a rehearsal that went well for checks: with that sign-in the mailbox user has given their word."""
    if (cache := vault.get(Sealed.REHEARSAL_SESSION.of(run.id))) is not None:
        vault.put(Sealed.CHECK_SESSION.of(run.channel.mailbox), cache, SIGN_IN_S)
    vault.move(Sealed.REHEARSAL_SECRET.of(run.id), Sealed.CHECK_SECRET.of(run.channel.mailbox))


def close(vault: Vault, run_id: str) -> None:
    """Drop what a run has sealed for a rehearsal and not kept: it has ended, or nobody rehearses."""
    for sealed in (Sealed.REHEARSAL_TOKEN, Sealed.REHEARSAL_SESSION, Sealed.REHEARSAL_SECRET):
        vault.drop(sealed.of(run_id))


def drop(vault: Vault, mailbox: str) -> None:
    """Drop what was kept: it was undone, or nobody wants it kept."""
    for sealed in (Sealed.CHECK_SESSION, Sealed.CHECK_SECRET):
        vault.drop(sealed.of(mailbox))


async def log_in(ctx: StepContext, login: Login) -> SmtpProbe | None:
    """Log in and leave; nothing is sent. None where nobody rehearsed, so that there is nothing to log in with.

    The renewed refresh token replaces the old one, which would die after 90 days.

    Raises:
        CloudError: no token can be had.
    """
    secret, cache = (ctx.vault.get(sealed.of(ctx.channel.mailbox)) for sealed in (Sealed.CHECK_SECRET, Sealed.CHECK_SESSION))
    if secret is None or cache is None:
        return None
    token = await asyncio.to_thread(_token, ctx, login, secret, cache)
    record_success(ctx.store.redis, ctx.channel.mailbox)
    return await login_probe(ctx.settings.smtp_server, login.upn or ctx.channel.mailbox, token)


def record_success(redis: Redis, mailbox: str) -> None:
    """The bot has just got a token as the mailbox."""
    redis.set(keys.own_login(mailbox), now().isoformat(), ex=SIGN_IN_S)


def last_success(redis: Redis, mailbox: str) -> datetime | None:
    """When it last got one; None where that is not known, or so long ago that its sign-in may have died unused."""
    known: Any = redis.get(keys.own_login(mailbox))
    return datetime.fromisoformat(known.decode()) if known else None


def _token(ctx: StepContext, login: Login, secret: str, cache: str) -> str:
    with sync_client(ctx.settings) as http, call_log.record_calls() as made:
        try:
            identity = Identity(ctx.settings.login_url, http, login.tenant, login.client_id, secret, documents=ctx.documents)
            token, renewed = identity.token(cache, [smtp_scope(ctx.settings.exchange_url)], refresh=True)
        finally:
            record_sign_in(ctx.store.redis, ctx.channel.mailbox, made)  # the sign-in log shows it beside Webex Connect's
    ctx.vault.put(Sealed.CHECK_SESSION.of(ctx.channel.mailbox), renewed, SIGN_IN_S)
    return token
