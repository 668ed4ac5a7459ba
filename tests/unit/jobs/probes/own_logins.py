"""Findings of the bot's own SMTP login, and verdicts on them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

from jobs.checks.verdict import Verdict, judge
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
    redis, key = ctx.store.redis, f"channel:{MAILBOX}:own-login"
    redis.delete(key)
    if good is not None:
        redis.set(key, (now() - timedelta(hours=good)).isoformat())
    if token is not None:
        brief = replace(ctx.run.brief, token_at=now() - timedelta(hours=token))
        ctx.run = replace(ctx.run, brief=brief)
    provider.trouble = [provider.refuse(400, "invalid_grant", number)]
    return asyncio.run(SmtpLogin().inspect(ctx))


def ok(step: str, hours: float | None = None, generated: float | None = None) -> Finding:
    """Return an OK finding from ``hours`` ago; ``generated`` is hours since the sign-in."""
    times = (hours, generated)
    at, signed_in = (None if ago is None else now() - timedelta(hours=ago) for ago in times)
    return Finding(step, State.OK, signals=Signals(at=at, generated_at=signed_in))


def verdict_on(ctx: StepContext, *findings: Finding) -> Verdict:
    """Return the verdict on the login's finding and others."""
    return judge(checks_for(ctx.channel.profile), {each.step: each for each in findings})


def judged(ctx: StepContext, *findings: Finding) -> tuple[tuple[str, ...], ...]:
    """Return the causes, possible causes and skipped steps of a verdict on these findings."""
    verdict = verdict_on(ctx, *findings)
    return verdict.causes, verdict.possible, verdict.skipped


OWN, NOTHING = ("smtp_login",), ()
