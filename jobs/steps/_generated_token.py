"""Entra's log of Generate Token, which gives Webex Connect its token (facts/microsoft.md 5).

The log needs Entra P1 and a role that may read it. Without them a person confirms the token.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from jobs.access import mailbox_login
from jobs.clouds.errors import CloudError
from jobs.engine.context import StepContext
from jobs.microsoft.sign_in_log import SignInRow, read
from jobs.model import RunKind, State
from jobs.steps import SECRET_SHOWN

AT = "generated_at"
"""Fact that holds the time at which Generate Token was used."""
CHANGED = ("client_secret", "smtp_grant", "application", "ids")
"""Steps whose changes come before Generate Token."""
CLOCKS = timedelta(seconds=2)
"""Tolerance for the times of the log, which are in whole seconds."""
log = structlog.get_logger(__name__)
PAUSES_S = (5.0, 5, 10, 10, 20, 20, 30, 60, 60, 120, 300)
"""Pauses between two reads of the log. The log allows five requests in ten seconds."""


def may_be_there(ctx: StepContext) -> bool:
    """Return whether the client secret was shown or is in the form, so a token may exist."""
    keeps = ctx.run.kind is RunKind.FIX and "client_secret" not in ctx.run.changed
    return keeps or ctx.run.answer(SECRET_SHOWN) == ctx.fact("key_id") != ""


async def newest_sign_in(ctx: StepContext) -> SignInRow | None:
    """Return the newest sign-in of a person since the form could be filled in, or None.

    A sign-in with another secret than Webex Connect's is not Webex Connect's. If the log does not
    name the secret, the sign-in counts only if the log shows which ones are the bot's own. A log
    that cannot be read says nothing. An administrator's sign-in that has ended says nothing either:
    only this look needs it.
    """
    if ctx.run.answer("rehearse") == "yes" and not ctx.run.settled("rehearsal"):
        return None
    own = mailbox_login.own_sign_ins(ctx.store.redis, ctx.channel.mailbox)
    rows = await _rows(ctx, "v1.0")
    recognized = own.are_recognized(rows, ctx.run.opened)
    if not recognized:
        rows = await _rows(ctx, "beta")
    since, key_id = _since(ctx) - CLOCKS, ctx.fact("key_id").lower()
    told = (
        row
        for row in own.without_own(rows)
        if row.interactive and row.conclusive and row.at >= since
    )
    return next((row for row in told if (row.key_id == key_id if row.key_id else recognized)), None)


async def _rows(ctx: StepContext, version: str) -> list[SignInRow]:
    try:
        return read(await ctx.graph.sign_ins(ctx.fact("client_id"), ctx.run.opened, version))
    except CloudError as error:
        log.info("sign-in log not read", run=ctx.run.id, why=str(error))
        return []


def is_the_logins(ctx: StepContext, row: SignInRow) -> bool:
    """Return whether the sign-in is the mailbox's, or True if its user is not known."""
    expected = ctx.fact("delegate_id" if ctx.fact("shared") else "user_id").lower()
    return expected in {"", row.user_id}


def _since(ctx: StepContext) -> datetime:
    """Return when Webex Connect's form could be filled in: after the last change that it needs."""
    run = ctx.run
    moments = [run.changed[name].written for name in CHANGED if name in run.changed]
    if "rehearsal" in run.found_at and run.state_of("rehearsal") is State.OK:
        moments.append(run.found_at["rehearsal"])
    if "consent" in run.answers:
        moments.append(run.answers["consent"].at)
    return max(moments, default=run.opened)
