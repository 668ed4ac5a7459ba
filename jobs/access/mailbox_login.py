"""Mailbox logins of the bot, and how to recognize them in Entra's sign-in log.

Each check renews a token of the email app, as Webex Connect does, so the sign-in log shows both.
The bot's own requests are stored for as long as the log is read back. A log row is recognized by
the ID of the request. The log is not guaranteed to contain that ID: a row of a sign-in whose ID is
not in the log is recognized by its time, to the second.
"""

import asyncio
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from redis import Redis

from jobs.clock import now, parse
from jobs.clouds import calls
from jobs.clouds.http import sync_client
from jobs.engine.step import StepContext
from jobs.mail.smtp_login import SmtpProbe, login_with
from jobs.microsoft.identity import Identity
from jobs.microsoft.scopes import smtp_scope
from jobs.microsoft.sign_in_log import SignInRow
from jobs.runs.run import Run
from jobs.storage import codec, keys
from jobs.storage.vault import Sealed, Vault

KEPT = timedelta(days=8)
NEAR = timedelta(seconds=2)
"""Tolerance for comparing times. The log has a resolution of a second, and clocks may differ."""


_ID = re.compile(r"request-id=(\S+)")
_STATUS = re.compile(r" [45]\d\d(?: |$)")
BEGUN, GOOD, REFUSED = "begun", "good", "refused"
"""Results of a sign-in. Redis keeps the result next to each ID of the sign-in."""


@dataclass(frozen=True, slots=True)
class OwnSignIn:
    """Sign-in of the bot: its requests' IDs in lower case, and whether it succeeded."""

    at: datetime
    ids: frozenset[str]
    good: bool | None  # None for the beginning of a person's, whose result is another request

    def may_be(self, row: SignInRow) -> bool:
        return abs(row.at - self.at) <= NEAR and self.good == row.good


def without_own(rows: Sequence[SignInRow], made: Sequence[OwnSignIn]) -> list[SignInRow]:
    """Return the log rows that are not the bot's own sign-ins.

    A row is matched by time and result alone if it has no ID, or if it is non-interactive and the
    log has no ID of the sign-in that the bot made at that time.
    """
    own = frozenset[str]().union(*(each.ids for each in made))
    listed = frozenset[str]().union(*map(_ids, rows))
    unlisted = [each for each in made if not each.ids & listed]

    def is_own(row: SignInRow) -> bool:
        if not (ids := _ids(row)):
            return any(each.may_be(row) for each in made)
        by_time = not row.interactive and any(each.may_be(row) for each in unlisted)
        return bool(ids & own) or by_time

    return [row for row in rows if not is_own(row)]


def are_recognized(rows: Iterable[SignInRow], made: Iterable[OwnSignIn], since: datetime) -> bool:
    """Return whether the log keeps the client's ID, with which a person's sign-in began."""
    begun = [each.ids for each in made if each.good is None and each.at >= since]
    shown = (_ids(row) for row in rows if row.interactive and row.good)
    return not begun or not frozenset().union(*shown).isdisjoint(frozenset().union(*begun))


def _ids(row: SignInRow) -> frozenset[str]:
    return frozenset(each.lower() for each in (row.correlation_id, row.id) if each)


def note_sign_in(redis: Redis, mailbox: str, made: Iterable[str]) -> None:
    calls = [line for line in made if line.startswith("entra ")]
    results = ((line, REFUSED if _STATUS.search(line) else GOOD) for line in calls)
    note(redis, mailbox, {(id_, result) for line, result in results for id_ in _ID.findall(line)})


def note(redis: Redis, mailbox: str, results: Iterable[tuple[str, str]]) -> None:
    at = now().timestamp()
    numbers = {f"{id_.lower()} {result}": at for id_, result in results}
    if not numbers:
        return
    with redis.pipeline() as together:
        together.zadd(keys.own_sign_ins(mailbox), numbers)
        together.zremrangebyscore(keys.own_sign_ins(mailbox), 0, at - KEPT.total_seconds())
        together.expire(keys.own_sign_ins(mailbox), KEPT)
        together.execute()


def own_sign_ins(redis: Redis, mailbox: str) -> list[OwnSignIn]:
    rows: Any = redis.zrange(keys.own_sign_ins(mailbox), 0, -1, withscores=True)
    ids: dict[tuple[float, str], set[str]] = {}
    for number, score in rows:
        id_, _, result = number.decode().partition(" ")
        ids.setdefault((float(score), result), set()).add(id_)
    good = {GOOD: True, REFUSED: False}
    return [
        OwnSignIn(datetime.fromtimestamp(at, UTC), frozenset(numbers), good.get(result))
        for (at, result), numbers in ids.items()
    ]


App = tuple[str, str]
"""Tenant ID and client ID of the app that asks for the token."""
SIGN_IN_S = 90 * 24 * 3600
"""Lifetime of an unused refresh token, in seconds (platforms/microsoft.md 4)."""


def save(vault: Vault, run: Run) -> None:
    """Keep a rehearsal's secret and sign-in, to which the mailbox user agreed, for checks."""
    if (cache := vault.get(Sealed.REHEARSAL_SESSION.of(run.id))) is not None:
        vault.put(Sealed.CHECK_SESSION.of(run.channel.mailbox), cache, SIGN_IN_S)
    vault.move(Sealed.REHEARSAL_SECRET.of(run.id), Sealed.CHECK_SECRET.of(run.channel.mailbox))


def close(vault: Vault, run_id: str) -> None:
    for sealed in (Sealed.REHEARSAL_TOKEN, Sealed.REHEARSAL_SESSION, Sealed.REHEARSAL_SECRET):
        vault.drop(sealed.of(run_id))


def drop(vault: Vault, mailbox: str) -> None:
    for sealed in (Sealed.CHECK_SESSION, Sealed.CHECK_SECRET):
        vault.drop(sealed.of(mailbox))


async def log_in(ctx: StepContext, app: App, upn: str, *others: str) -> SmtpProbe | None:
    """Log in to SMTP as the user who rehearsed, and send nothing; None without a rehearsal.

    ``others`` are the names to try after a bare refusal. The renewed refresh token replaces the old
    one, which would expire after 90 days.
    """
    mailbox = ctx.channel.mailbox
    secret = ctx.vault.get(Sealed.CHECK_SECRET.of(mailbox))
    cache = ctx.vault.get(Sealed.CHECK_SESSION.of(mailbox))
    if secret is None or cache is None:
        return None
    token = await asyncio.to_thread(_token, ctx, app, secret, cache)
    note_success(ctx.store.redis, mailbox)
    return await login_with(ctx.settings.smtp_server, upn or mailbox, others, token)


def note_success(redis: Redis, mailbox: str) -> None:
    redis.set(keys.own_login(mailbox), now().isoformat(), ex=SIGN_IN_S)


def last_success(redis: Redis, mailbox: str) -> datetime | None:
    """Return when the bot last got a token as the mailbox; None if it may have expired."""
    return parse(codec.as_text(redis.get(keys.own_login(mailbox))))


def _token(ctx: StepContext, app: App, secret: str, cache: str) -> str:
    url, scope = ctx.settings.login_url, smtp_scope(ctx.settings.exchange_url)
    with sync_client(ctx.settings) as http, calls.collect() as made:
        try:
            token, renewed = Identity(url, http, *app, secret).token(cache, [scope], refresh=True)
        finally:  # the sign-in log shows it next to Webex Connect's sign-ins
            note_sign_in(ctx.store.redis, ctx.channel.mailbox, made)
    ctx.vault.put(Sealed.CHECK_SESSION.of(ctx.channel.mailbox), renewed, SIGN_IN_S)
    return token
