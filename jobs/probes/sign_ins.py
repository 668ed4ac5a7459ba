"""Sign-ins of the email app in Entra's log: the errors that Webex Connect reports, from Entra's side."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from jobs.access import mailbox_login
from jobs.causes.cause import Cause
from jobs.clock import now
from jobs.clouds.errors import CloudError, unless_refused
from jobs.engine.step import Probe, StepContext
from jobs.microsoft.graph import MOST_SIGN_INS, RENEWALS, SIGN_IN_PAGES, SIGN_INS_AND_RENEWALS
from jobs.microsoft.sign_in_log import SignInRow, read, telling
from jobs.model import Evidence, Finding, Reason, Signals, Text, minute_of

BACK = timedelta(days=7)


class SignIns(Probe, row="sign_ins"):
    """Probe that checks whether the newest sign-in to the app succeeded.

    Source: platforms/microsoft.md 5. The log needs Entra P1. Webex Connect's renewals are not
    interactive, and only beta lists those. The bot's own sign-ins, one per check, are left out:
    they would hide a failure of Webex Connect, or look like one.
    """

    async def inspect(self, ctx: StepContext) -> Finding:
        """Judge by the newest meaningful row. Without one, the result is unknown."""
        rows = await unless_refused(self._rows(ctx))
        if rows is None:
            return self.skipped(Reason.NO_SIGN_IN_LOG)
        return self._judged(ctx, telling(rows, self._users(ctx, rows), now()))

    async def _rows(self, ctx: StepContext) -> list[SignInRow]:
        """Return the interactive and the non-interactive sign-ins, without the bot's own.

        When many channels are checked, both kinds are read at once if possible, because only five
        requests in ten seconds are allowed.
        """
        client, since = ctx.fact("client_id"), now() - BACK
        if ctx.many and (both := await _both(ctx, client, since)) is not None:
            return _of_others(ctx, both)
        signed_in, renewed = await asyncio.gather(
            ctx.graph.sign_ins(client, since), _renewals(ctx, client, since)
        )
        return _of_others(ctx, [*renewed, *signed_in])

    def _users(self, ctx: StepContext, rows: Sequence[SignInRow]) -> frozenset[str]:
        """Return the users whose failures count; an empty set, for a delegate, means all."""
        user = ctx.fact("user_id").lower()
        if not user or ctx.fact("shared"):
            return frozenset()
        holder = next((row.user_id for row in rows if row.good and not row.interactive), "")
        return frozenset({user, holder} - {""})

    def _judged(self, ctx: StepContext, rows: Sequence[SignInRow]) -> Finding:
        if not rows:
            return self.skipped(Reason.NO_SIGN_IN)
        newest = rows[0]
        if not newest.good:
            streak = list(takewhile(lambda row: not row.good, rows))
            return self._failed(newest, streak[-1].at if len(streak) < len(rows) else None)
        expected = ctx.fact("user_id").lower()
        of_another = "" not in {newest.user_id, expected} and newest.user_id != expected
        if of_another and not ctx.fact("shared"):
            return self._of_another(newest)
        in_person = (row.at for row in rows if row.good and row.interactive)  # as Generate Token
        signals = Signals(at=newest.at, generated_at=next(in_person, None))
        return self.ok(Text("seen.sign_in_ok", {"at": minute_of(newest.at)}), signals=signals)

    def _failed(self, newest: SignInRow, since: datetime | None) -> Finding:
        code = f"AADSTS{newest.code}"
        signals = Signals(harmless_after=newest.at, since=since, token_lives=newest.personal)
        told = {"entra": f"{code}: {newest.reason}"}
        told |= {"conditional-access": ", ".join(newest.policies)} if newest.policies else {}
        told |= {"correlation-id": newest.correlation_id}
        evidence = tuple(Evidence(kind, text) for kind, text in told.items())
        seen = Text("seen.sign_in_failed", {"code": code, "at": minute_of(newest.at)})
        cause = newest.meaning.cause
        return self.wrong(seen, cause=cause, signals=signals, evidence=evidence)

    def _of_another(self, newest: SignInRow) -> Finding:
        """Return the finding for a sign-in by another user.

        That user may have signed in for another reason, such as consent. An answer that leaves
        later, or a renewal, decides.
        """
        signals = Signals(since=newest.at, token_lives=newest.interactive)
        seen = Text("seen.other_user", {"user": newest.user, "at": minute_of(newest.at)})
        return self.wrong(seen, cause=Cause.WRONG_MAILBOX_USER, signals=signals)


def _of_others(ctx: StepContext, rows: Sequence[dict[str, Any]]) -> list[SignInRow]:
    return mailbox_login.own_sign_ins(ctx.store.redis, ctx.channel.mailbox).without_own(read(rows))


async def _both(ctx: StepContext, client: str, since: datetime) -> list[dict[str, Any]] | None:
    """Return both kinds in one request; None if beta fails, a kind is missing, or too many rows."""
    try:
        rows = await ctx.graph.sign_ins(client, since, "beta", SIGN_INS_AND_RENEWALS)
    except CloudError:
        return None
    told = all(row.get("signInEventTypes") for row in rows)
    return rows if told and len(rows) < MOST_SIGN_INS * SIGN_IN_PAGES else None


async def _renewals(ctx: StepContext, client: str, since: datetime) -> list[dict[str, Any]]:
    """Return the renewals, marked as non-interactive, or an empty list if beta does not answer.

    The interactive sign-ins then have to be enough. The mark is set here because a row may lack it.
    """
    try:
        rows = await ctx.graph.sign_ins(client, since, "beta", RENEWALS)
        return [row | {"isInteractive": False} for row in rows]
    except CloudError:
        return []
