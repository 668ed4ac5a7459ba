"""Findings of the bot's own SMTP login, and verdicts on them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

from jobs.checks.verdict import judge
from jobs.clock import now
from jobs.engine.context import StepContext
from jobs.model import Finding, Signals, State
from jobs.probes import checks_for
from jobs.probes.smtp_login import SmtpLogin

MAILBOX = "support@contoso.com"


def begun(
    ctx: StepContext, provider: Any, number: int, good: float | None, token: float | None
) -> Finding:
    """Return the finding of a refused login.

    ``good`` is hours since the bot's last successful login, ``token`` hours since Webex Connect's
    token was generated.
    """
    redis = ctx.store.redis
    redis.delete(f"channel:{MAILBOX}:own-login")
    if good is not None:
        redis.set(f"channel:{MAILBOX}:own-login", (now() - timedelta(hours=good)).isoformat())
    if token is not None:
        ctx.run = replace(
            ctx.run, brief=replace(ctx.run.brief, token_at=now() - timedelta(hours=token))
        )
    provider.trouble = [provider.refuse(400, "invalid_grant", number)]
    return asyncio.run(SmtpLogin().inspect(ctx))


def ok(step: str, hours: float | None = None, generated: float | None = None) -> Finding:
    """Return an OK finding from ``hours`` ago; ``generated`` is hours since the sign-in."""
    at, signed_in = (
        None if ago is None else now() - timedelta(hours=ago) for ago in (hours, generated)
    )
    return Finding(step, State.OK, signals=Signals(at=at, generated_at=signed_in))


def judged(
    ctx: StepContext, found: Finding, *others: Finding
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return the causes, possible causes and skipped steps of a verdict on the login and others."""
    verdict = judge(
        checks_for(ctx.channel.profile),
        {"smtp_login": found} | {each.step: each for each in others},
    )
    return verdict.causes, verdict.possible, verdict.skipped


OWN, NOTHING = ("smtp_login",), ()
