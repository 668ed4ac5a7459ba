"""Tests of the bot's own login to the mailbox, and of the verdict on it together with other findings.

The login may show a fault of the channel or of the bot.
"""

from datetime import UTC, datetime, timedelta

import pytest

from jobs.access import mailbox_login
from jobs.access.mailbox_login import last_success
from jobs.checks.verdict import judge
from jobs.clock import now
from jobs.clouds.errors import Transient, unreadable
from jobs.mail.smtp_login import SmtpProbe
from jobs.microsoft.identity import Identity
from jobs.model import Finding, Reason, Signals, State, Text, Turn
from jobs.probes import checks_for
from jobs.probes.sign_ins import SmtpLogin
from jobs.runs.run import Brief
from tests.fixtures.copies import replace
from tests.fixtures.parsed import table
from tests.unit.jobs.probes.trace_rows import OK, POSSIBLE, SKIPPED, WRONG, look

ERRORS = table("sign_in_errors")

MAILBOX = "support@contoso.com"


def begun(ctx, provider, number: int, good: float | None, token: float | None) -> Finding:
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
    return look("smtp_login", ctx)


def ok(step: str, hours: float | None = None, generated: float | None = None) -> Finding:
    """Return an OK finding from ``hours`` ago; ``generated`` is hours since the sign-in."""
    times = (hours, generated)
    at, signed_in = (None if ago is None else now() - timedelta(hours=ago) for ago in times)
    return Finding(step, State.OK, signals=Signals(at=at, generated_at=signed_in))


def verdict_on(ctx, *findings: Finding):
    return judge(checks_for(ctx.channel.profile), {each.step: each for each in findings})


def judged(ctx, *findings: Finding) -> tuple[tuple[str, ...], ...]:
    """Return the causes, possible causes and skipped steps of a verdict on these findings."""
    verdict = verdict_on(ctx, *findings)
    return verdict.causes, verdict.possible, verdict.skipped


OWN, NOTHING = ("smtp_login",), ()


async def test_nobody_rehearsed(given):
    """Without a sign-in of its own, the bot skips the login and proves nothing."""
    found = await SmtpLogin().inspect(given())
    assert (found.state, found.seen) == (SKIPPED, Text("skipped.never_rehearsed"))


@pytest.mark.slow
@pytest.mark.parametrize(("number", "state", "cause"), ERRORS["own_login"])
async def test_what_is_the_bots_own_only_may_be_the_channels(ctx, provider, number, state, cause):
    """An error of the bot's own secret or token is only a possible cause.

    An error of the account or the app is a certain cause, because the channel uses the same account
    and app.
    """
    provider.trouble = [provider.refuse(400, "invalid_grant", number)]
    found = await SmtpLogin().inspect(ctx)
    assert (found.state, found.cause) == (state, cause)
    assert found.evidence[0].text.startswith("400")


@pytest.mark.slow
@pytest.mark.parametrize("number", [50173, 70000])
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


@pytest.mark.slow
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
    assert verdict_on(ctx, begun(ctx, provider, 50173, 24, 480), *others).causes == causes


NO_LOG = Finding("sign_ins", SKIPPED, reason=Reason.NO_SIGN_IN_LOG)
NOT_SIGNED_IN = Finding("sign_ins", SKIPPED, reason=Reason.NEEDS_SIGN_IN)
THE_SAME = Finding("sign_ins", WRONG, cause="grant_invalid")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("good", "others", "told"),
    [
        (1, (ok("sign_ins", 0.7),), (NOTHING, NOTHING, OWN)),
        (1, (ok("sign_ins", 0.7), ok("answers", 0.1)), (NOTHING, NOTHING, OWN)),
        (1, (ok("sign_ins", 1.1),), (OWN, NOTHING, NOTHING)),
        (1, (THE_SAME,), (("sign_ins",), NOTHING, NOTHING)),
        (1, (NOT_SIGNED_IN,), (NOTHING, OWN, ("sign_ins",))),
        (1, (), (NOTHING, OWN, NOTHING)),
        (1, (NO_LOG,), (OWN, NOTHING, ("sign_ins",))),
        (1, (NO_LOG, ok("answers", 0.1)), (OWN, NOTHING, ("sign_ins",))),
        (24, (NO_LOG, ok("answers", 1)), (NOTHING, NOTHING, ("sign_ins",))),
    ],
)
def test_one_token_that_is_dead(ctx, provider, good, others, told):
    """The error AADSTS70000 concerns only one token.

    If Webex Connect has renewed its token since the bot's last good login, only the bot's token has
    ended. Without a sign-in log, a recent answer shows that, if the renewal was later.
    """
    assert judged(ctx, begun(ctx, provider, 70000, good, 480), *others) == told


async def test_its_renewal_is_remembered(ctx, provider, redis):
    """The bot records its own renewal, so that the sign-in log can be read without it."""
    await SmtpLogin().inspect(ctx)
    assert provider.requests[-1][1]["grant_type"] == "refresh_token"
    (made,) = mailbox_login.own_sign_ins(redis, MAILBOX)
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


PAGE = unreadable("entra", "not a JSON object", 200)
LOST, TOO_MANY = Transient("connection_lost", "entra"), Transient("throttled", "entra", 429)


@pytest.mark.parametrize("probe", ["smtp_login", "entra"])
@pytest.mark.parametrize("error", [LOST, TOO_MANY, PAGE])
async def test_entra_that_only_the_bot_cannot_reach(ctx, monkeypatch, probe, error):
    """Without an answer, with a proxy's page or 429, nothing is known of Webex Connect."""

    def away(*_: object) -> None:
        raise error

    monkeypatch.setattr(mailbox_login, "log_in", away)
    monkeypatch.setattr(Identity, "discover", away)
    with pytest.raises(type(error)):
        await checks_for(ctx.channel.profile)[probe].inspect(ctx)


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

    async def busy(*_: str) -> SmtpProbe:
        return BUSY

    monkeypatch.setattr("jobs.probes.sign_ins.login_probe", busy)
    server = await checks_for(ctx.channel.profile)["smtp_server"].inspect(ctx)
    assert (server.state, server.cause) == (WRONG, "smtp_busy")
    assert verdict_on(ctx, server, login, ANSWERED).causes == causes


@pytest.mark.parametrize(
    ("brief", "names"),
    [
        (Brief("c1", MAILBOX), (MAILBOX,)),
        (Brief("c1", shared=True, delegate="agent@contoso.com"), ("agent@contoso.com", MAILBOX)),
    ],
)
async def test_who_logs_in(ctx, monkeypatch, brief, names):
    """The bot logs in with the name of the token's own user.

    The address of a shared mailbox is tried only after a refusal without a reason.
    """
    ctx.run = replace(ctx.run, brief=brief)
    tried = []

    async def log_in(_ctx, app, *names):
        tried.append((app[1], *names))

    monkeypatch.setattr("jobs.access.mailbox_login.log_in", log_in)
    await SmtpLogin().inspect(ctx)
    assert tried == [("c1", *names)]


ITS_USER, OF_MAILBOX = {"user_id": "u1"}, {"of_mailbox": "yes"}
ACCOUNT_OFF = Finding("mailbox_user", WRONG, cause="account_disabled", facts=ITS_USER)
BLOCKED = ITS_USER | {"shared": "blocked"}
SHARED_OFF = Finding("mailbox_user", POSSIBLE, cause="account_disabled", facts=BLOCKED)
SHARED_ON = Finding("mailbox_user", OK, facts=ITS_USER | {"shared": "yes"})
ACCOUNT_ON = Finding("mailbox_user", OK, facts=ITS_USER)
USER_UNREAD = Finding("mailbox_user", SKIPPED, reason=Reason.NEEDS_SIGN_IN)


@pytest.mark.slow
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
def test_the_account_of_a_user_is_the_channels(ctx, provider, number, user, told):
    """An account error of the bot's login is a cause, unless the mailbox became shared.

    A disabled account (AADSTS50057) is only a possible cause if the directory shows it as enabled.
    """
    causes, possible, skipped = judged(ctx, begun(ctx, provider, number, 1, 480), user)
    assert (causes, tuple(sorted(possible, reverse=True)), skipped) == told


def test_a_mailbox_that_became_shared_may_have_its_own_token(ctx, provider):
    """A blocked account is the cause if Webex Connect's newest sign-in was by that account."""
    login, own = begun(ctx, provider, 50057, 1, 480), Finding("sign_ins", OK, facts=OF_MAILBOX)
    assert judged(ctx, login, SHARED_OFF, own)[0] == ("mailbox_user",)


def _by_place(since: datetime | None) -> Signals:
    """Return the signals of policies that depend on the network, in force since then."""
    by = ("answers",)
    return Signals(harmless_after=since, elsewhere_since=since, by_place=True, disproved_by=by)


PLACE, CAUSE = _by_place(now() - timedelta(days=90)), "blocked_by_conditional_access"
POLICY = Finding("conditional_access", POSSIBLE, cause=CAUSE, signals=PLACE)
FRESH = replace(POLICY, signals=_by_place(now() - timedelta(hours=0.5)))
UNDATED = replace(POLICY, signals=_by_place(None))
FOR_ALL_PLACES = replace(POLICY, signals=Signals(harmless_after=POLICY.signals.harmless_after))
NONE_TOUCHES = Finding("conditional_access", OK)
UNREAD = Finding("conditional_access", SKIPPED, reason=Reason.NEEDS_SIGN_IN)
BLOCKED_TOO = Finding("sign_ins", WRONG, cause="blocked_by_conditional_access")
BOTH = ("conditional_access", "smtp_login")


@pytest.mark.slow
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
        (50053, (), OWN, NOTHING),
        (50053, (ok("sign_ins", 0.4),), OWN, NOTHING),
        (50053, (ok("sign_ins", 2),), OWN, NOTHING),
        (50053, (ok("answers", 0.4),), OWN, NOTHING),
    ],
)
def test_a_policy_for_the_bots_place_alone(ctx, provider, number, others, causes, possible):
    """A policy that refuses the bot's login is only a possible cause at first.

    Another policy, a sign-in or a mail then decides whether the policy affects the channel.
    """
    told = judged(ctx, begun(ctx, provider, number, 2400, 480), *others)
    assert (told[0], tuple(sorted(told[1]))) == (causes, possible)


@pytest.mark.parametrize(
    ("number", "others", "words"),
    [
        (70000, (ok("sign_ins", 0.7),), "skipped.own_sign_in"),
        (53003, (POLICY, ok("answers", 3)), "skipped.own_place"),
    ],
)
def test_what_is_the_bots_alone_is_told_in_its_own_words(ctx, provider, number, others, words):
    """If only the bot's token has ended, or its network is refused, the finding says so.

    The message of Entra stays as evidence.
    """
    found = begun(ctx, provider, number, 1 if number == 70000 else 2400, 480)
    verdict = verdict_on(ctx, found, *others)
    weighed = verdict.weighed["smtp_login"]
    assert (weighed.seen, weighed.evidence) == (Text(words), found.evidence)
    assert verdict.skipped == OWN


KEY, ENDED, GONE = ("client_secret",), "client_secret_expired", "session_revoked"


def own(cause: str) -> Finding:
    """Return the finding of the bot's own login, which failed for this cause."""
    by = {"client_secret_wrong": ("client_secret",), "session_revoked": ("sessions", "sign_ins")}
    signals = Signals(disproved_by=by[cause], harmless_after=now())
    return Finding("smtp_login", POSSIBLE, cause=cause, signals=signals)


@pytest.mark.parametrize(
    ("cause", "other", "told"),
    [
        ("client_secret_wrong", Finding("client_secret", OK), (NOTHING, NOTHING, OWN)),
        ("client_secret_wrong", Finding("client_secret", WRONG, cause=ENDED), (KEY, (), ())),
        ("client_secret_wrong", Finding("client_secret", SKIPPED), (NOTHING, OWN, KEY)),
        ("session_revoked", Finding("sessions", OK), (NOTHING, NOTHING, OWN)),
        ("session_revoked", Finding("sessions", WRONG, cause=GONE), (("sessions",), (), ())),
        ("session_revoked", Finding("sign_ins", WRONG, cause=GONE), (("sign_ins",), (), ())),
    ],
)
def test_another_finding_decides(ctx, cause, other, told):
    """The finding of the channel's own secret or session decides about the bot's refused login.

    The login is then skipped, a symptom, or a possible cause.
    """
    assert judged(ctx, own(cause), other) == told


@pytest.mark.parametrize(
    ("other", "cause", "turn"),
    [
        (Finding("smtp_auth", State.UNKNOWN), "smtp_login_unexplained", Turn.ADMINISTRATOR),
        (Finding("mailbox_user", OK), "smtp_token_refused", Turn.MAILBOX_USER),
    ],
)
def test_a_bare_refusal_is_one_of_several_until_the_settings_are_read(ctx, other, cause, turn):
    """Without the settings the token is not blamed: a removed license has the same reply."""
    verdict = verdict_on(ctx, Finding("smtp_login", WRONG, cause="smtp_token_refused"), other)
    assert (verdict.weighed["smtp_login"].cause, verdict.turn) == (cause, turn)
