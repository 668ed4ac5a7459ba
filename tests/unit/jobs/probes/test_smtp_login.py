"""The bot's own login as the mailbox: what it proves of the channel, and what only of the bot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobs.access import mailbox_login
from jobs.access.mailbox_login import last_success
from jobs.checks.verdict import judge
from jobs.clock import now
from jobs.clouds.http import sync_client
from jobs.engine.context import StepContext
from jobs.mail.smtp_login import SmtpProbe
from jobs.microsoft.identity import Identity
from jobs.model import Finding, Signals, State, Text
from jobs.probes import checks_for
from jobs.probes.smtp_login import SmtpLogin
from jobs.runs.origin import Brief
from jobs.settings import Settings
from jobs.storage.vault import Vault

MAILBOX = "support@contoso.com"


@pytest.fixture
def ctx(
    given: Callable[..., StepContext], vault: Vault, work_settings: Settings, provider: Any
) -> StepContext:
    """A check of a mailbox whose user has rehearsed."""
    settings = replace(work_settings, login_url=provider.base, smtp_server="127.0.0.1:1")
    with sync_client(settings) as http:
        identity = Identity(settings.login_url, http, "organizations", "client-1", "s3cr~t.Value")
        flow = identity.begin(
            ["https://outlook.office.com/SMTP.Send"], "https://bot.test/callback", "state-1"
        )
        cache = identity.finish(flow, provider.sign_in(flow["auth_uri"])).cache
    vault.put(f"check-secret:{MAILBOX}", "s3cr~t.Value", 60)
    vault.put(f"check-session:{MAILBOX}", cache, 60)
    return given(settings=settings, kind="check", brief=Brief(client_id="client-1"))


async def test_nobody_rehearsed(given: Callable[..., StepContext]):
    """Without a sign-in of its own the bot proves nothing."""
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
    """A dead secret or token may be the bot's alone; an error of the account or app is the channel's."""
    provider.trouble = [provider.refuse(400, "invalid_grant", number)]
    found = await SmtpLogin().inspect(ctx)
    assert (found.state, found.cause, found.evidence[0].text.startswith("400")) == (
        state,
        cause,
        True,
    )


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
    """If the bot's token ended, Webex Connect's has ended too, because both belong to the same user.

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
    """The bot's ended token proves nothing for a shared mailbox, which may have another user."""
    ctx.run = replace(ctx.run, brief=replace(ctx.run.brief, shared=True))
    assert begun(ctx, provider, number, 1, 480).state is State.POSSIBLE


def ok(step: str, hours: float | None = None, generated: float | None = None) -> Finding:
    """Return an OK finding from ``hours`` ago; ``generated`` is hours since the sign-in."""
    at, signed_in = (
        None if ago is None else now() - timedelta(hours=ago) for ago in (hours, generated)
    )
    return Finding(step, State.OK, signals=Signals(at=at, generated_at=signed_in))


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
    """A Generate Token after the bot's last good login shows that Webex Connect's token is valid.

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


def judged(
    ctx: StepContext, found: Finding, *others: Finding
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return the causes, possible causes and skipped steps of a verdict on the login and the others."""
    verdict = judge(
        checks_for(ctx.channel.profile),
        {"smtp_login": found} | {each.step: each for each in others},
    )
    return verdict.causes, verdict.possible, verdict.skipped


NO_LOG = Finding("sign_ins", State.SKIPPED, seen=Text("skipped.sign_in_log"))
NOT_SIGNED_IN = Finding("sign_ins", State.SKIPPED, seen=Text("skipped.needs_sign_in"))
THE_SAME = Finding("sign_ins", State.WRONG, cause="grant_invalid")
OWN, NOTHING = ("smtp_login",), ()


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
        (
            (NOT_SIGNED_IN, Finding("connect_send", State.WRONG, cause="connect_login_failed")),
            (OWN, NOTHING, ("sign_ins",)),
        ),
    ],
)
def test_one_token_that_is_dead(
    ctx: StepContext, provider: Any, others: tuple[Finding, ...], told: tuple[tuple[str, ...], ...]
):
    """AADSTS70000 concerns one token only.

    A renewal by Webex Connect since the bot's last good login shows that only the bot's token is
    dead.
    """
    assert judged(ctx, begun(ctx, provider, 70000, 1, 480), *others) == told


def test_an_answer_since_makes_one_dead_token_history(ctx: StepContext, provider: Any):
    """Without a log, a late answer shows that the token was renewed since the bot's own was good."""
    assert judged(ctx, begun(ctx, provider, 70000, 24, 480), NO_LOG, ok("answers", 1)) == (
        NOTHING,
        NOTHING,
        ("sign_ins",),
    )


def test_what_is_the_bots_alone_is_told_in_its_own_words(ctx: StepContext, provider: Any):
    """Entra's words stay as evidence."""
    found = begun(ctx, provider, 70000, 1, 480)
    verdict = judge(
        checks_for(ctx.channel.profile), {"smtp_login": found, "sign_ins": ok("sign_ins", 0.7)}
    )
    assert (verdict.weighed["smtp_login"].seen, verdict.weighed["smtp_login"].evidence) == (
        Text("skipped.own_sign_in"),
        found.evidence,
    )


ITS_USER = {"user_id": "u1"}
ACCOUNT_OFF = Finding("mailbox_user", State.WRONG, cause="account_disabled", facts=ITS_USER)
SHARED_OFF = Finding(
    "mailbox_user", State.POSSIBLE, cause="account_disabled", facts=ITS_USER | {"shared": "blocked"}
)
SHARED_ON = Finding("mailbox_user", State.OK, facts=ITS_USER | {"shared": "yes"})
ACCOUNT_ON = Finding("mailbox_user", State.OK, facts=ITS_USER)
USER_UNREAD = Finding("mailbox_user", State.SKIPPED, seen=Text("skipped.needs_sign_in"))


@pytest.mark.parametrize(
    ("number", "user", "told"),
    [
        (50057, USER_UNREAD, (OWN, NOTHING, ("mailbox_user",))),
        (53011, USER_UNREAD, (OWN, NOTHING, ("mailbox_user",))),
        (50057, ACCOUNT_OFF, (("mailbox_user",), NOTHING, NOTHING)),
        (53011, ACCOUNT_ON, (OWN, NOTHING, NOTHING)),
        (50057, ACCOUNT_ON, (NOTHING, OWN, NOTHING)),
        (50057, SHARED_OFF, (NOTHING, (*OWN, "mailbox_user"), NOTHING)),
        (50057, SHARED_ON, (NOTHING, OWN, NOTHING)),
        (53011, SHARED_ON, (NOTHING, OWN, NOTHING)),
    ],
)
def test_the_account_of_a_user_is_the_channels(
    ctx: StepContext, provider: Any, number: int, user: Finding, told: tuple[tuple[str, ...], ...]
):
    """An account error is the channel's, except for a mailbox that became shared."""
    causes, possible, skipped = judged(ctx, begun(ctx, provider, number, 1, 480), user)
    assert (causes, tuple(sorted(possible, reverse=True)), skipped) == told


def _by_place(since: datetime | None) -> Signals:
    """Policies that depend on the place, since then."""
    return Signals(
        harmless_after=since, elsewhere_since=since, by_place=True, disproved_by=("answers",)
    )


POLICY = Finding(
    "conditional_access",
    State.POSSIBLE,
    cause="blocked_by_conditional_access",
    signals=_by_place(now() - timedelta(days=90)),
)
FRESH = replace(POLICY, signals=_by_place(now() - timedelta(hours=0.5)))
UNDATED = replace(POLICY, signals=_by_place(None))
FOR_ALL_PLACES = replace(POLICY, signals=Signals(harmless_after=POLICY.signals.harmless_after))
NONE_TOUCHES = Finding("conditional_access", State.OK)
UNREAD = Finding("conditional_access", State.SKIPPED, seen=Text("skipped.needs_sign_in"))
BLOCKED_TOO = Finding("sign_ins", State.WRONG, cause="blocked_by_conditional_access")
SENT_IN_VAIN = Finding("connect_send", State.WRONG, cause="connect_login_failed")
BOTH = ("conditional_access", "smtp_login")


@pytest.mark.parametrize(
    ("number", "others", "causes", "possible"),
    [
        (53003, (POLICY, ok("sign_ins", 3), ok("answers", 3)), NOTHING, NOTHING),
        (53003, (POLICY, ok("answers", 3)), NOTHING, NOTHING),
        (50076, (POLICY, ok("sign_ins", 0.4)), NOTHING, ("conditional_access",)),
        (53003, (FRESH, ok("sign_ins", 1), ok("answers", 1)), NOTHING, BOTH),
        (53003, (POLICY,), NOTHING, BOTH),
        (53003, (UNDATED, ok("sign_ins", 1), ok("answers", 1)), NOTHING, BOTH),
        (53003, (UNREAD,), NOTHING, OWN),
        (53003, (UNREAD, ok("sign_ins", 1), ok("answers", 1)), NOTHING, OWN),
        (53003, (), NOTHING, OWN),
        (53003, (FOR_ALL_PLACES,), ("conditional_access",), NOTHING),
        (53003, (FOR_ALL_PLACES, ok("sign_ins", 3), ok("answers", 3)), OWN, NOTHING),
        (50076, (NONE_TOUCHES,), OWN, NOTHING),
        (53003, (POLICY, BLOCKED_TOO), ("conditional_access",), NOTHING),
        (53003, (UNREAD, BLOCKED_TOO), ("sign_ins",), NOTHING),
        (53003, (UNREAD, SENT_IN_VAIN), OWN, NOTHING),
        (50053, (), OWN, NOTHING),
        (50053, (ok("sign_ins", 0.4),), OWN, NOTHING),
        (50053, (ok("sign_ins", 2),), OWN, NOTHING),
        (50053, (ok("answers", 0.4),), OWN, NOTHING),
    ],
)
def test_a_policy_for_the_bots_place_alone(
    ctx: StepContext,
    provider: Any,
    number: int,
    others: tuple[Finding, ...],
    causes: tuple[str, ...],
    possible: tuple[str, ...],
):
    """A policy that stops the bot is only possible until a policy, a sign-in or a mail decides."""
    told = judged(ctx, begun(ctx, provider, number, 2400, 480), *others)
    assert (told[0], tuple(sorted(told[1]))) == (causes, possible)


def test_a_login_that_is_refused_at_its_place_is_told_so(ctx: StepContext, provider: Any):
    """The bot's refused login is skipped as its own matter if Webex Connect still gets tokens."""
    found = begun(ctx, provider, 53003, 2400, 480)
    verdict = judge(
        checks_for(ctx.channel.profile),
        {"smtp_login": found, "conditional_access": POLICY, "answers": ok("answers", 3)},
    )
    assert (verdict.skipped, verdict.weighed["smtp_login"].seen) == (OWN, Text("skipped.own_place"))


async def test_its_renewal_is_remembered(ctx: StepContext, provider: Any, redis: Any):
    """The bot records its own renewal, so that the sign-in log can be read without it."""
    await SmtpLogin().inspect(ctx)
    assert provider.requests[-1][1]["grant_type"] == "refresh_token"
    known = mailbox_login.own_sign_ins(redis, MAILBOX)
    assert (
        len(known.numbers),
        [abs(moment - now()) < timedelta(minutes=1) for moment in known.moments],
    ) == (
        1,
        [True],
    )
    good = last_success(redis, MAILBOX)
    assert good is not None
    assert now() - good < timedelta(minutes=1)


def own(cause: str) -> Finding:
    """The bot's own login, which failed for that."""
    by = {"client_secret_wrong": ("client_secret",), "session_revoked": ("sessions", "sign_ins")}
    return Finding(
        "smtp_login",
        State.POSSIBLE,
        cause=cause,
        signals=Signals(disproved_by=by[cause], harmless_after=now()),
    )


@pytest.mark.parametrize(
    ("cause", "other", "causes", "skipped", "possible"),
    [
        ("client_secret_wrong", Finding("client_secret", State.OK), (), ("smtp_login",), ()),
        (
            "client_secret_wrong",
            Finding("client_secret", State.WRONG, cause="client_secret_expired"),
            ("client_secret",),
            (),
            (),
        ),
        (
            "client_secret_wrong",
            Finding("client_secret", State.SKIPPED),
            (),
            ("client_secret",),
            ("smtp_login",),
        ),
        ("session_revoked", Finding("sessions", State.OK), (), ("smtp_login",), ()),
        (
            "session_revoked",
            Finding("sessions", State.WRONG, cause="session_revoked"),
            ("sessions",),
            (),
            (),
        ),
        (
            "session_revoked",
            Finding("sign_ins", State.WRONG, cause="session_revoked"),
            ("sign_ins",),
            (),
            (),
        ),
    ],
)
def test_another_finding_decides(
    ctx: StepContext,
    cause: str,
    other: Finding,
    causes: tuple[str, ...],
    skipped: tuple[str, ...],
    possible: tuple[str, ...],
):
    """The bot's refused login is skipped, a symptom, or possible, depending on the channel's own."""
    verdict = judge(checks_for(ctx.channel.profile), {"smtp_login": own(cause), other.step: other})
    assert (verdict.causes, verdict.skipped, verdict.possible) == (causes, skipped, possible)


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
    """A firewall of the bot's is no cause if answers leave and none waits."""
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
    """A good login in the same check proves that a busy server recovered; an older answer does not."""

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
