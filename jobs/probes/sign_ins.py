"""What Entra says about the email app's newest sign-ins: the error that Webex Connect shows, from the other side."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from jobs.access import mailbox_login
from jobs.clock import now
from jobs.clouds.errors import CloudError, Forbidden, NotFound, Rejected, find_causes
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.step import Probe
from jobs.microsoft.sign_in_log import RENEWED, SignInRow, read, telling
from jobs.model import Evidence, Finding, Signals, Text

BACK = timedelta(days=7)
NO_LOG, NO_SIGN_IN = Text("skipped.sign_in_log"), Text("skipped.no_sign_in")
"""Why the log tells nothing, whoever signs in."""


class SignIns(Probe):
    """The newest sign-in to the app went well (facts/microsoft.md 5; needs Entra P1).

    Webex Connect's renewals are not interactive, and only beta lists those. The bot's own, one a check, are left out: they would hide
    a failure of Webex Connect's, or look like one.
    """

    name = "sign_ins"
    article_row = "LOG"
    needs = ("application", "mailbox_user")
    reads = ("AuditLog.Read.All",)
    diagnosis = Diagnosis(
        caused_by=(
            "application",
            "service_principal",
            "client_secret",
            "smtp_grant",
            "permissions",
            "mailbox_user",
            "sessions",
            "security_defaults",
            "conditional_access",
            "entra_health",
        ),
        superseded_by=("answers",),
    )

    async def inspect(self, ctx: StepContext) -> Finding:
        """The newest row that tells decides; without one, nothing is known."""
        try:
            rows = await self._rows(ctx)
        except (Forbidden, NotFound, Rejected):
            return self.skipped(NO_LOG)
        return self._judged(ctx, telling(rows, self._users(ctx, rows), now()))

    async def _rows(self, ctx: StepContext) -> list[SignInRow]:
        """Both lists; of many channels the interactive one only where no renewal has just gone well: five requests in ten seconds are few."""
        client, since = ctx.fact("client_id"), now() - BACK
        if ctx.many:
            lately = _of_others(ctx, await _renewals(ctx, client, since))
            if lately and lately[0].good and now() - lately[0].at < RENEWED:
                return lately
        signed_in, renewed = await asyncio.gather(ctx.graph.sign_ins(client, since), _renewals(ctx, client, since))
        return _of_others(ctx, [*renewed, *signed_in])

    def _users(self, ctx: StepContext, rows: Sequence[SignInRow]) -> frozenset[str]:
        """Whose failures count: the mailbox user's, and those of who holds the token; everybody's where that may be a delegate."""
        user = ctx.fact("user_id").lower()
        if not user or ctx.fact("shared"):
            return frozenset()
        holder = next((row.user_id for row in rows if row.good and not row.interactive), "")
        return frozenset({user, holder} - {""})

    def _judged(self, ctx: StepContext, rows: Sequence[SignInRow]) -> Finding:
        newest = next(iter(rows), None)
        if newest is None:
            return self.skipped(NO_SIGN_IN)
        if not newest.good:
            return self._failed(newest, list(takewhile(lambda row: not row.good, rows)), known=any(row.good for row in rows))
        expected = ctx.fact("user_id").lower()
        if newest.user_id and expected and newest.user_id != expected and not ctx.fact("shared"):
            return self._of_another(newest)
        generated = next((row.at for row in rows if row.good and row.interactive), None)
        return self.ok(Text("seen.sign_in_ok", {"at": _at(newest)}), signals=Signals(at=newest.at, generated_at=generated))

    def _failed(self, newest: SignInRow, streak: Sequence[SignInRow], *, known: bool) -> Finding:
        """Since when is known only where it went well before."""
        code = f"AADSTS{newest.code}"
        found = find_causes(code)
        cause = (found[0].cause if found else "") or "sign_in_failed"
        since = streak[-1].at if known else None
        signals = Signals(harmless_after=newest.at, since=since, token_lives=newest.personal)
        policies = (Evidence("conditional-access", ", ".join(newest.policies)),) if newest.policies else ()
        evidence = (Evidence("entra", f"{code}: {newest.reason}"), *policies, Evidence("correlation-id", newest.correlation_id))
        wrong = self.wrong(Text("seen.sign_in_failed", {"code": code, "at": _at(newest)}), cause=cause, signals=signals)
        return replace(wrong, evidence=evidence)

    def _of_another(self, newest: SignInRow) -> Finding:
        """Who may also have signed in for another reason, such as a consent: an answer that leaves after it, or a renewal, tells."""
        signals = Signals(since=newest.at, token_lives=newest.interactive)
        seen = Text("seen.other_user", {"user": newest.user, "at": _at(newest)})
        return self.wrong(seen, cause="wrong_mailbox_user", signals=signals)


def _of_others(ctx: StepContext, rows: Sequence[dict[str, Any]]) -> list[SignInRow]:
    return mailbox_login.own_sign_ins(ctx.store.redis, ctx.channel.mailbox).without_own(read(rows))


async def _renewals(ctx: StepContext, client: str, since: datetime) -> list[dict[str, Any]]:
    """None where beta does not answer: the interactive sign-ins tell what they can. Nobody made these in person, whether a row says so or not."""
    try:
        return [row | {"isInteractive": False} for row in await ctx.graph.renewals(client, since)]
    except CloudError:
        return []


def _at(row: SignInRow) -> str:
    return f"{row.at:%Y-%m-%d %H:%M} UTC"
