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
from jobs.model import Finding, Reason, Signals, State, Text
from jobs.probes import checks_for
from jobs.probes.smtp_login import SmtpLogin, login_of
from jobs.runs.run import Brief
from tests.unit.jobs.probes.own_logins import MAILBOX, NOTHING, OWN, begun, judged, ok


async def test_nobody_rehearsed(given: Callable[..., StepContext]):
    """Without a sign-in of its own, the bot skips the login and proves nothing."""
    found = await SmtpLogin().inspect(given())
    assert (found.state, found.seen) == (State.SKIPPED, Text("skipped.never_rehearsed"))


@pytest.mark.parametrize(
    ("number", "state", "cause"),
    [
        (7000215, State.POSSIBLE, "client_secret_wrong"),
        (7000222, State.POSSIBLE, "client_secret_expired"),
        (700082, State.POSSIBLE, "refresh_token_expired"),
        (50173, State.POSSIBLE, "session_revoked"),
        (70000, State.POSSIBLE, "grant_invalid"),
        (50057, State.WRONG, "account_disabled"),
        (53011, State.WRONG, "account_at_risk"),
        (50053, State.WRONG, "account_locked"),
        (50058, State.POSSIBLE, "sign_in_missing"),
        (53003, State.WRONG, "blocked_by_conditional_access"),
        (7000112, State.WRONG, "app_disabled"),
        (700016, State.WRONG, "app_not_found"),
    ],
)
async def test_what_is_the_bots_own_only_may_be_the_channels(
    ctx: StepContext, provider: Any, number: int, state: State, cause: str
):
    """An error of the bot's own secret or token is only a possible cause.

    An error of the account or the app is a certain cause, because the channel uses the same account
    and app.
    """
    provider.trouble = [provider.refuse(400, "invalid_grant", number)]
    found = await SmtpLogin().inspect(ctx)
    assert (found.state, found.cause, found.evidence[0].text.startswith("400")) == (
        state,
        cause,
        True,
    )


@pytest.mark.parametrize("number", [50173, 70000, 700082])
@pytest.mark.parametrize(
    ("good", "token", "state", "after"),
    [
        (24, 480, State.WRONG, 24),
        (0.5, 480, State.WRONG, 0.5),
        (24, None, State.WRONG, 24),
        (24, 23.8, State.WRONG, 23.8),
        (24 + 1, 0.9, State.POSSIBLE, 0.9),
        (None, 480, State.POSSIBLE, 1.5),
    ],
)
def test_a_token_that_ends_with_the_bots(
    ctx: StepContext, provider: Any, number: int, good: Any, token: Any, state: State, after: float
):
    """If the bot's token ended, Webex Connect's has ended too, because both have the same user.

    This needs a successful login of the bot at about the time Webex Connect got its token, or
    later.
    """
    found = begun(ctx, provider, number, good, token)
    assert found.state is state
    since = (now() - found.signals.harmless_after).total_seconds() / 3600
    assert since == pytest.approx(after, abs=0.05)


@pytest.mark.parametrize("number", [50173, 70000, 50057, 53011])
def test_who_signs_in_for_a_shared_mailbox_may_be_another(
    ctx: StepContext, provider: Any, number: int
):
    """For a shared mailbox the bot's ended token is only a possible cause.

    Another user may have signed in for Webex Connect.
    """
    ctx.run = replace(ctx.run, brief=replace(ctx.run.brief, shared=True))
    assert begun(ctx, provider, number, 1, 480).state is State.POSSIBLE


REVOKED = Finding(
    "sessions",
    State.WRONG,
    cause="session_revoked",
    signals=Signals(since=now() - timedelta(hours=20)),
)


@pytest.mark.parametrize(
    ("good", "others", "causes"),
    [
        (24, (ok("sessions"),), ("smtp_login",)),
        (24, (ok("sign_ins", 0.1, generated=12),), ()),
        (24, (ok("sign_ins", 0.1, generated=30),), ("smtp_login",)),
        (24, (ok("sign_ins", 0.1),), ("smtp_login",)),
        (24, (ok("answers", 1),), ("smtp_login",)),
        (24, (REVOKED,), ("sessions",)),
        (24, (REVOKED, ok("answers", 10)), ()),
        (24, (Finding("sign_ins", State.WRONG, cause="session_revoked"),), ("sign_ins",)),
    ],
)
def test_what_shows_that_webex_connects_token_lives(
    ctx: StepContext,
    provider: Any,
    good: float,
    others: tuple[Finding, ...],
    causes: tuple[str, ...],
):
    """Webex Connect's token is valid if Generate Token was used after the bot's last good login.

    A renewal may be older than the end of the token, and a directory without a revocation proves
    nothing.
    """
    found = begun(ctx, provider, 50173, good, 480)
    assert (
        judge(
            checks_for(ctx.channel.profile),
            {"smtp_login": found} | {each.step: each for each in others},
        ).causes
        == causes
    )


NO_LOG = Finding("sign_ins", State.SKIPPED, reason=Reason.NO_SIGN_IN_LOG)
NOT_SIGNED_IN = Finding("sign_ins", State.SKIPPED, reason=Reason.NEEDS_SIGN_IN)
THE_SAME = Finding("sign_ins", State.WRONG, cause="grant_invalid")


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
def test_one_token_that_is_dead(
    ctx: StepContext, provider: Any, others: tuple[Finding, ...], told: tuple[tuple[str, ...], ...]
):
    """The error AADSTS70000 concerns only one token.

    If Webex Connect has renewed its token since the bot's last good login, only the bot's token has
    ended.
    """
    assert judged(ctx, begun(ctx, provider, 70000, 1, 480), *others) == told


def test_an_answer_since_makes_one_dead_token_history(ctx: StepContext, provider: Any):
    """Without a sign-in log, a recent answer shows that only the bot's token has ended.

    Webex Connect must have renewed its token after the bot's last good login.
    """
    assert judged(ctx, begun(ctx, provider, 70000, 24, 480), NO_LOG, ok("answers", 1)) == (
        NOTHING,
        NOTHING,
        ("sign_ins",),
    )


def test_what_is_the_bots_alone_is_told_in_its_own_words(ctx: StepContext, provider: Any):
    """If only the bot's token has ended, the finding says so in the bot's words.

    The message of Entra stays as evidence.
    """
    found = begun(ctx, provider, 70000, 1, 480)
    verdict = judge(
        checks_for(ctx.channel.profile), {"smtp_login": found, "sign_ins": ok("sign_ins", 0.7)}
    )
    assert (verdict.weighed["smtp_login"].seen, verdict.weighed["smtp_login"].evidence) == (
        Text("skipped.own_sign_in"),
        found.evidence,
    )


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


AT = Signals(at=now())


@pytest.mark.parametrize(
    ("answers", "causes"),
    [
        (Finding("answers", State.OK, signals=AT), ()),
        (Finding("answers", State.OK, signals=AT | Signals(unanswered=now())), ("smtp_server",)),
        (
            Finding("answers", State.OK, signals=Signals(at=datetime(2026, 1, 1, tzinfo=UTC))),
            ("smtp_server",),
        ),
        (Finding("answers", State.SKIPPED), ("smtp_server",)),
    ],
)
async def test_a_server_that_only_the_bot_cannot_reach(
    ctx: StepContext, answers: Finding, causes: tuple[str, ...]
):
    """A server that only the bot cannot reach is no cause if recent answers leave the mailbox.

    The server is the cause if a mail still waits for its answer, or if the newest answer is old.
    """
    checks = checks_for(ctx.channel.profile)
    found = {name: await checks[name].inspect(ctx) for name in ("smtp_server", "smtp_login")}
    assert {finding.cause for finding in found.values()} == {"smtp_unreachable"}
    assert judge(checks, found | {"answers": answers}).causes == causes


BUSY = SmtpProbe(
    ok=False,
    failed_phase="banner",
    cause="smtp_busy",
    reply="421 4.3.2 Service not available",
    transcript=(),
)


@pytest.mark.parametrize(
    ("login", "answers", "causes"),
    [
        (Finding("smtp_login", State.OK), Finding("answers", State.OK, signals=AT), ()),
        (
            Finding("smtp_login", State.SKIPPED),
            Finding("answers", State.OK, signals=AT),
            ("smtp_server",),
        ),
        (
            Finding("smtp_login", State.WRONG, cause="smtp_busy"),
            Finding("answers", State.OK, signals=AT),
            ("smtp_server",),
        ),
    ],
)
async def test_a_server_that_was_busy_for_a_moment(
    ctx: StepContext,
    monkeypatch: pytest.MonkeyPatch,
    login: Finding,
    answers: Finding,
    causes: tuple[str, ...],
):
    """A good login in the same check proves that a busy server has recovered.

    An older answer does not prove it.
    """

    async def busy(_server: str) -> SmtpProbe:
        return BUSY

    monkeypatch.setattr("jobs.probes.smtp_server.hello_probe", busy)
    checks = checks_for(ctx.channel.profile)
    server = await checks["smtp_server"].inspect(ctx)
    assert (server.state, server.cause) == (State.WRONG, "smtp_busy")
    assert (
        judge(checks, {"smtp_server": server, "smtp_login": login, "answers": answers}).causes
        == causes
    )


@pytest.mark.parametrize(
    ("brief", "upn", "others"),
    [
        (Brief("c1", "support@contoso.com"), "support@contoso.com", ()),
        (
            Brief("c1", shared=True, delegate="agent@contoso.com"),
            "agent@contoso.com",
            ("support@contoso.com",),
        ),
    ],
)
def test_who_logs_in(ctx: StepContext, brief: Brief, upn: str, others: tuple[str, ...]):
    """The bot logs in with the name of the token's own user.

    The address of a shared mailbox is tried only after a refusal without a reason.
    """
    ctx.run = replace(ctx.run, brief=brief)
    login = login_of(ctx)
    assert (login.upn, login.others) == (upn, others)
