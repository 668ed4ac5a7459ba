"""Tests of the bot's own login to the mailbox, which may show a fault of the channel or the bot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobs.access import mailbox_login
from jobs.access.mailbox_login import last_success
from jobs.checks.verdict import judge
from jobs.clock import now
from jobs.engine.context import StepContext
from jobs.mail.smtp_login import SmtpProbe
from jobs.model import Finding, Reason, Signals, Text
from jobs.probes import checks_for
from jobs.probes.smtp_login import SmtpLogin, login_of
from jobs.runs.run import Brief
from tests.unit.jobs.probes.own_logins import MAILBOX, NOTHING, OWN, begun, judged, ok, verdict_on
from tests.unit.jobs.probes.trace_rows import OK, POSSIBLE, SKIPPED, WRONG


async def test_nobody_rehearsed(given: Callable[..., StepContext]):
    """Without a sign-in of its own, the bot skips the login and proves nothing."""
    found = await SmtpLogin().inspect(given())
    assert (found.state, found.seen) == (SKIPPED, Text("skipped.never_rehearsed"))


@pytest.mark.parametrize(
    ("number", "state", "cause"),
    [
        (7000215, POSSIBLE, "client_secret_wrong"),
        (7000222, POSSIBLE, "client_secret_expired"),
        (700082, POSSIBLE, "refresh_token_expired"),
        (50173, POSSIBLE, "session_revoked"),
        (70000, POSSIBLE, "grant_invalid"),
        (50057, WRONG, "account_disabled"),
        (53011, WRONG, "account_at_risk"),
        (50053, WRONG, "account_locked"),
        (50058, POSSIBLE, "sign_in_missing"),
        (53003, WRONG, "blocked_by_conditional_access"),
        (7000112, WRONG, "app_disabled"),
        (700016, WRONG, "app_not_found"),
    ],
)
async def test_what_is_the_bots_own_only_may_be_the_channels(ctx, provider, number, state, cause):
    """An error of the bot's own secret or token is only a possible cause.

    An error of the account or the app is a certain cause, because the channel uses the same account
    and app.
    """
    provider.trouble = [provider.refuse(400, "invalid_grant", number)]
    found = await SmtpLogin().inspect(ctx)
    assert (found.state, found.cause) == (state, cause)
    assert found.evidence[0].text.startswith("400")


@pytest.mark.parametrize("number", [50173, 70000, 700082])
@pytest.mark.parametrize(
    ("good", "token", "state", "after"),
    [
        (24, 480, WRONG, 24),
        (0.5, 480, WRONG, 0.5),
        (24, None, WRONG, 24),
        (24, 23.8, WRONG, 23.8),
        (24 + 1, 0.9, POSSIBLE, 0.9),
        (None, 480, POSSIBLE, 1.5),
    ],
)
def test_a_token_that_ends_with_the_bots(ctx, provider, number, good, token, state, after):
    """If the bot's token ended, Webex Connect's has ended too, because both have the same user.

    This needs a successful login of the bot at about the time Webex Connect got its token, or
    later.
    """
    found = begun(ctx, provider, number, good, token)
    assert found.state is state
    since = (now() - found.signals.harmless_after).total_seconds() / 3600
    assert since == pytest.approx(after, abs=0.05)


@pytest.mark.parametrize("number", [50173, 70000, 50057, 53011])
def test_who_signs_in_for_a_shared_mailbox_may_be_another(ctx, provider, number):
    """For a shared mailbox the bot's ended token is only a possible cause.

    Another user may have signed in for Webex Connect.
    """
    ctx.run = replace(ctx.run, brief=replace(ctx.run.brief, shared=True))
    assert begun(ctx, provider, number, 1, 480).state is POSSIBLE


DAY_AGO = Signals(since=now() - timedelta(hours=20))
REVOKED = Finding("sessions", WRONG, cause="session_revoked", signals=DAY_AGO)


@pytest.mark.parametrize(
    ("others", "causes"),
    [
        ((ok("sessions"),), ("smtp_login",)),
        ((ok("sign_ins", 0.1, generated=12),), ()),
        ((ok("sign_ins", 0.1, generated=30),), ("smtp_login",)),
        ((ok("sign_ins", 0.1),), ("smtp_login",)),
        ((ok("answers", 1),), ("smtp_login",)),
        ((REVOKED,), ("sessions",)),
        ((REVOKED, ok("answers", 10)), ()),
        ((Finding("sign_ins", WRONG, cause="session_revoked"),), ("sign_ins",)),
    ],
)
def test_what_shows_that_webex_connects_token_lives(ctx, provider, others, causes):
    """Webex Connect's token is valid if Generate Token was used after the bot's last good login.

    A renewal may be older than the end of the token, and a directory without a revocation proves
    nothing.
    """
    found = begun(ctx, provider, 50173, 24, 480)
    assert verdict_on(ctx, found, *others).causes == causes


NO_LOG = Finding("sign_ins", SKIPPED, reason=Reason.NO_SIGN_IN_LOG)
NOT_SIGNED_IN = Finding("sign_ins", SKIPPED, reason=Reason.NEEDS_SIGN_IN)
THE_SAME = Finding("sign_ins", WRONG, cause="grant_invalid")


@pytest.mark.parametrize(
    ("others", "told"),
    [
        ((ok("sign_ins", 0.7),), (NOTHING, NOTHING, OWN)),
        ((ok("sign_ins", 0.7), ok("answers", 0.1)), (NOTHING, NOTHING, OWN)),
        ((ok("sign_ins", 1.1),), (OWN, NOTHING, NOTHING)),
        ((THE_SAME,), (("sign_ins",), NOTHING, NOTHING)),
        ((NOT_SIGNED_IN,), (NOTHING, OWN, ("sign_ins",))),
        ((), (NOTHING, OWN, NOTHING)),
        ((NO_LOG,), (OWN, NOTHING, ("sign_ins",))),
        ((NO_LOG, ok("answers", 0.1)), (OWN, NOTHING, ("sign_ins",))),
    ],
)
def test_one_token_that_is_dead(ctx, provider, others, told):
    """The error AADSTS70000 concerns only one token.

    If Webex Connect has renewed its token since the bot's last good login, only the bot's token has
    ended.
    """
    assert judged(ctx, begun(ctx, provider, 70000, 1, 480), *others) == told


def test_an_answer_since_makes_one_dead_token_history(ctx: StepContext, provider: Any):
    """Without a sign-in log, a recent answer shows that only the bot's token has ended.

    Webex Connect must have renewed its token after the bot's last good login.
    """
    told = judged(ctx, begun(ctx, provider, 70000, 24, 480), NO_LOG, ok("answers", 1))
    assert told == (NOTHING, NOTHING, ("sign_ins",))


def test_what_is_the_bots_alone_is_told_in_its_own_words(ctx: StepContext, provider: Any):
    """If only the bot's token has ended, the finding says so in the bot's words.

    The message of Entra stays as evidence.
    """
    found = begun(ctx, provider, 70000, 1, 480)
    weighed = verdict_on(ctx, found, ok("sign_ins", 0.7)).weighed["smtp_login"]
    assert (weighed.seen, weighed.evidence) == (Text("skipped.own_sign_in"), found.evidence)


async def test_its_renewal_is_remembered(ctx: StepContext, provider: Any, redis: Any):
    """The bot records its own renewal, so that the sign-in log can be read without it."""
    await SmtpLogin().inspect(ctx)
    assert provider.requests[-1][1]["grant_type"] == "refresh_token"
    known = mailbox_login.own_sign_ins(redis, MAILBOX)
    (made,) = known.made
    assert abs(made.at - now()) < timedelta(minutes=1)
    assert (len(made.ids), made.good) == (1, True)
    good = last_success(redis, MAILBOX)
    assert good is not None
    assert now() - good < timedelta(minutes=1)


AT, LONG_AGO = Signals(at=now()), Signals(at=datetime(2026, 1, 1, tzinfo=UTC))
ANSWERED = Finding("answers", OK, signals=AT)


@pytest.mark.parametrize(
    ("answers", "causes"),
    [
        (ANSWERED, ()),
        (Finding("answers", OK, signals=AT | Signals(unanswered=now())), ("smtp_server",)),
        (Finding("answers", OK, signals=LONG_AGO), ("smtp_server",)),
        (Finding("answers", SKIPPED), ("smtp_server",)),
    ],
)
async def test_a_server_that_only_the_bot_cannot_reach(ctx, answers, causes):
    """A server that only the bot cannot reach is no cause if recent answers leave the mailbox.

    The server is the cause if a mail still waits for its answer, or if the newest answer is old.
    """
    checks = checks_for(ctx.channel.profile)
    found = {name: await checks[name].inspect(ctx) for name in ("smtp_server", "smtp_login")}
    assert {finding.cause for finding in found.values()} == {"smtp_unreachable"}
    assert judge(checks, found | {"answers": answers}).causes == causes


SAYS = {"failed_phase": "banner", "cause": "smtp_busy", "reply": "421 4.3.2 Not available"}
BUSY = SmtpProbe(ok=False, transcript=(), **SAYS)


@pytest.mark.parametrize(
    ("login", "causes"),
    [
        (Finding("smtp_login", OK), ()),
        (Finding("smtp_login", SKIPPED), ("smtp_server",)),
        (Finding("smtp_login", WRONG, cause="smtp_busy"), ("smtp_server",)),
    ],
)
async def test_a_server_that_was_busy_for_a_moment(ctx, monkeypatch, login, causes):
    """A good login in the same check proves that a busy server has recovered.

    An older answer does not prove it.
    """

    async def busy(_server: str) -> SmtpProbe:
        return BUSY

    monkeypatch.setattr("jobs.probes.smtp_login.hello_probe", busy)
    checks = checks_for(ctx.channel.profile)
    server = await checks["smtp_server"].inspect(ctx)
    assert (server.state, server.cause) == (WRONG, "smtp_busy")
    assert verdict_on(ctx, server, login, ANSWERED).causes == causes


@pytest.mark.parametrize(
    ("brief", "upn", "others"),
    [
        (Brief("c1", MAILBOX), MAILBOX, ()),
        (Brief("c1", shared=True, delegate="agent@contoso.com"), "agent@contoso.com", (MAILBOX,)),
    ],
)
def test_who_logs_in(ctx: StepContext, brief: Brief, upn: str, others: tuple[str, ...]):
    """The bot logs in with the name of the token's own user.

    The address of a shared mailbox is tried only after a refusal without a reason.
    """
    ctx.run = replace(ctx.run, brief=brief)
    login = login_of(ctx)
    assert (login.upn, login.others) == (upn, others)
