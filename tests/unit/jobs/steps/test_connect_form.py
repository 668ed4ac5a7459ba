"""Rows C3 to C7: the form of Webex Connect, its registration, and the bot's own logins."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from jobs.access import mailbox_login
from jobs.clock import now
from jobs.clouds.http import async_client, sync_client
from jobs.contact_center import services
from jobs.mail.smtp_login import SmtpProbe
from jobs.microsoft.identity import Identity
from jobs.microsoft.scopes import smtp_scope
from jobs.model import Channel, Evidence, Finding, Profile, State, Text, Turn, minute_of
from jobs.runs.run import Event, Kind
from jobs.steps import all_steps, rehearses, steps_for, steps_of
from jobs.steps.connect_form import MailboxFields, OwnLogin, Registered, Rehearsal, Token, token_at
from tests.unit.jobs.conftest import CHANNEL, MAILBOX
from tests.unit.jobs.steps.looks import AGENT, MADE, sign_in
from tests.unit.jobs.steps.looks_of_mail import LOG, OF_TOKEN


@pytest.mark.parametrize(
    ("answers", "facts", "known"),
    [
        ({}, {}, False),
        ({}, {"generated_at": "2026-11-25T09:10:00+00:00"}, True),
        ({"token_saved": "yes"}, {}, True),
    ],
)
def test_when_the_token_was_generated(given, answers, facts, known):
    """The requester's confirmation or the sign-in log shows when the token was generated.

    A check and the file for Cisco TAC use this time.
    """
    assert (token_at(given(answers=answers, facts=facts).run) is not None) is known


STEP = Registered()


AT = datetime(2026, 11, 25, 9, 10, tzinfo=UTC)
"""Time at which the token was generated."""


def entry(minutes: float, event: str = "updateApp", status: str = "SUCCESS") -> dict[str, str]:
    """Return an entry of Webex Connect's audit log, so many minutes after the token."""
    at = (AT + timedelta(minutes=minutes)).isoformat(timespec="milliseconds")
    said = {"eventDescription": event, "statusOfAction": status, "actorEmail": "kim@contoso.com"}
    return {"created": at.replace("+00:00", "Z"), **said}


@pytest.fixture
def logged(given, work_settings, monkeypatch):
    """Return a function that creates a run with these entries in Webex Connect's audit log."""

    def make(*entries: dict[str, str], status: int = 200, **more):
        body = {"auditLogs": list(entries), "totalRecords": len(entries)}
        transport = httpx.MockTransport(lambda _: httpx.Response(status, json=body))
        monkeypatch.setattr(services, "async_client", lambda given: async_client(given, transport))
        url = "https://contoso.us.webexconnect.io/connectapi/v1/auditlogs"
        settings = replace(work_settings, connect_audit_url=url, connect_audit_token="t")
        return given(settings=settings, facts={"generated_at": AT.isoformat()}, **more)

    return make


async def test_save_and_register_are_two_changes_of_the_app(logged):
    """Two changes of the app after Generate Token, Save and Register, are proof in the audit log.

    So the requester is not asked.
    """
    found = await STEP.inspect(logged(entry(1, "createApp"), entry(2), entry(-1)))
    at = minute_of(AT + timedelta(minutes=2))
    assert found == Finding("registered", State.OK, seen=Text("seen.registered_in_log", {"at": at}))


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [entry(1)],
        [entry(1), entry(2, status="ERROR")],
        [entry(1), entry(2, "updateFlow")],
        [entry(-2), entry(-1)],
    ],
)
async def test_less_does_not_show_it(logged, entries):
    """If the audit log has fewer changes, the requester is asked.

    The log is read again later by itself.
    """
    found = await STEP.inspect(logged(*entries))
    assert (found.state, found.waiting_for) == (State.WAITING, Turn.REQUESTER)
    assert found.until is not None


@pytest.mark.parametrize(("minutes", "state"), [(2, State.OK), (-2, State.WAITING)])
async def test_after_the_word_that_the_token_is_saved_one_change_is_enough(logged, minutes, state):
    """Once the requester has confirmed the saved token, one later change of the app is enough.

    Save came before that, so only Register To Webex Engage is left.
    """
    said = Event(Kind.ANSWERED, AT, data={"question": "token_saved", "value": "yes"})
    assert (await STEP.inspect(logged(entry(minutes), events=(said,)))).state is state


@pytest.mark.parametrize("status", [401, 403, 500])
async def test_a_log_that_cannot_be_read(logged, status):
    """If the audit log cannot be read, the step waits for the requester's button."""
    found = await STEP.inspect(logged(entry(1), entry(2), status=status))
    assert (found.state, found.cause) == (State.WAITING, "")


SHOWN = {"secret_shown": "key-1"}
TOKEN = Token()


@pytest.fixture
def shown(given):
    """Return a function that creates a run whose secret was shown on the one-time page."""

    def make(**more):
        answers = {**SHOWN, **more.pop("answers", {})}
        return given(facts=OF_TOKEN, answers=answers, changed={"client_secret": MADE}, **more)

    return make


async def test_a_token_that_the_log_shows_is_not_asked_for(shown, cloud):
    """The mailbox user's sign-in in the log proves Generate Token, and so the whole form."""
    cloud.on(LOG, [sign_in(3)])
    ctx = shown()
    found = await TOKEN.inspect(ctx)
    at = MADE + timedelta(minutes=3)
    seen, facts = Text("seen.token_in_log", {"at": minute_of(at)}), {"generated_at": at.isoformat()}
    assert found == Finding("token", State.OK, seen=seen, facts=facts)
    ctx.store.append(ctx.run.id, Event(Kind.FOUND, at, step="token", finding=found))
    told = await MailboxFields().inspect(replace(ctx, run=ctx.store.load(ctx.run.id)))
    assert told == Finding("mailbox_fields", State.OK, seen=Text("seen.shown_by_token"))


@pytest.mark.parametrize(
    ("rows", "cause"),
    [
        ([sign_in(3, 7000215)], "client_secret_wrong"),
        ([sign_in(4, 7000215), sign_in(3)], "client_secret_wrong"),
        ([sign_in(3, user="user-2")], "wrong_mailbox_user"),
    ],
)
async def test_a_failure_is_named_and_has_the_sign_in_tested(shown, cloud, rows, cause):
    """A failed Generate Token is reported with its cause.

    The rehearsal is offered, even if the requester did not want it before.
    """
    cloud.on(LOG, rows)
    ctx = shown(answers={"check_login": "no"})
    assert (rehearses(ctx.run), "rehearsal" in steps_of(ctx.run)) == (False, False)
    found = await TOKEN.inspect(ctx)
    assert (found.state, found.cause) == (State.WAITING, cause)
    ctx.store.append(ctx.run.id, Event(Kind.FOUND, MADE, step="token", finding=found))
    assert "rehearsal" in steps_of(ctx.store.load(ctx.run.id))
    good = Finding("token", State.OK)
    ctx.store.append(ctx.run.id, Event(Kind.FOUND, MADE, step="token", finding=good))
    assert "rehearsal" not in steps_of(ctx.store.load(ctx.run.id))


@pytest.mark.parametrize(("kind", "asked"), [("setup", []), ("fix", [LOG])])
async def test_the_log_is_read_only_after_the_secret_was_shown(given, cloud, kind, asked):
    """A setup reads the log only after the secret was shown, as no token can exist before.

    A fix that keeps its old secret reads the log at once.
    """
    await TOKEN.inspect(given(facts=OF_TOKEN, kind=kind))
    assert [what for what, _ in cloud.asked] == asked


async def test_the_bots_own_sign_in_is_no_token(shown, cloud):
    """The log is not read during the rehearsal, as the mailbox user then signs in for the bot."""
    cloud.on(LOG, [sign_in(3)])
    found = await TOKEN.inspect(shown(answers={"rehearse": "yes"}))
    assert (found.state, cloud.asked) == (State.WAITING, [])


BEGAN = "11111111-2222-4333-8444-555555555555"
"""ID with which the rehearsal's sign-in began."""
OWN = sign_in(3, correlationId=BEGAN.upper())
LATER = MADE + timedelta(minutes=3, seconds=1)
"""Time at which the rehearsal of :data:`OWN` succeeded."""


def by_secret(key_id: str | None):
    """Return a sign-in with this secret."""
    return sign_in(4, servicePrincipalCredentialKeyId=key_id)


@pytest.mark.parametrize(
    ("rows", "in_full", "minutes"),
    [
        ([], [], None),  # nothing yet
        ([OWN], [], None),  # the rehearsal only
        ([sign_in(8, correlationId=BEGAN)], [], None),  # the rehearsal, whenever it is logged
        ([sign_in(4), OWN], [], 4),  # another one
        ([sign_in(4, 50058), OWN], [], None),  # another one, abandoned
        ([sign_in(3)], [sign_in(3)], None),  # the rehearsal without its ID
        ([sign_in(4), sign_in(3)], [sign_in(4), sign_in(3)], None),  # two without IDs
        ([sign_in(4)], [by_secret("KEY-1")], 4),  # Webex Connect's secret
        ([sign_in(4)], [by_secret("own-key")], None),  # the bot's secret
        ([sign_in(4)], [by_secret(None)], None),  # no secret named
        ([by_secret("own-key"), OWN], [], None),  # the bot's secret once more
        ([sign_in(4)], 404, None),  # no beta
    ],
)
async def test_a_rehearsal_is_never_taken_for_generate_token(shown, cloud, rows, in_full, minutes):
    """After a rehearsal a sign-in counts only if it is known not to be the bot's own.

    The log shows that by the ID of the rehearsal's sign-in, or by the secret that was used.
    """
    cloud.on(LOG, rows)
    cloud.on("GET /beta/auditLogs/signIns", in_full if isinstance(in_full, list) else (404, {}))
    rehearsed = Event(Kind.FOUND, LATER, step="rehearsal", finding=Finding("rehearsal", State.OK))
    ctx = shown(answers={"rehearse": "yes"}, events=(rehearsed,))
    mailbox_login.note(ctx.store.redis, ctx.channel.mailbox, {(BEGAN, mailbox_login.BEGUN)})
    found = await TOKEN.inspect(ctx)
    at = minutes and (MADE + timedelta(minutes=minutes)).isoformat()
    told = found.state, found.facts.get("generated_at")
    assert told == (State.OK if minutes else State.WAITING, at)


@pytest.mark.parametrize(
    ("answers", "offered"),
    [
        ({}, True),
        ({"check_login": "yes"}, True),
        ({"check_login": "no"}, False),
        ({"check_login": "no", "token_failed": "client_secret_wrong"}, True),
        ({"check_login": "no", "rehearse": "yes"}, True),
    ],
)
def test_when_the_sign_in_is_tested(given, answers, offered):
    """The rehearsal is offered for the login of /check.

    It is also offered after a failed Generate Token, and if it has already begun.
    """
    steps = steps_of(given(answers=answers).run)
    assert {"rehearsal", "check_secret"} <= steps.keys() if offered else "rehearsal" not in steps
    assert ("check_secret" in steps) is offered


REHEARSAL = Rehearsal()


REFUSAL = (
    "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox."
)


@pytest.fixture
def refuses(smtp_server):
    """Return the address of an SMTP server that refuses every login."""
    mailbox = smtp_server()
    mailbox.refusal = REFUSAL
    return f"127.0.0.1:{mailbox.port}"


def rehearsing(vault, ctx) -> None:
    """Store a token, a sign-in and a secret, as if the mailbox user had just signed in."""
    held = {"": "the-token", "-session": "the-sign-in", "-secret": "the-secret"}
    for name, value in held.items():
        vault.put(f"rehearsal{name}:{ctx.run.id}", value, 60)


def kept(vault, ctx) -> tuple[str | bool | None, ...]:
    """Return the check's sign-in and secret, and whether the run still has its own."""
    session, secret = (vault.get(f"check-{name}:{MAILBOX}") for name in ("session", "secret"))
    left = (vault.holds(f"rehearsal-{name}:{ctx.run.id}") for name in ("session", "secret"))
    return (session, secret, *left)


async def test_a_refusal_shows_its_phase_and_its_words(given, vault, work_settings, refuses):
    """A refused login is shown with its phase and the server's own words, but without the token."""
    ctx = given(facts={"upn": MAILBOX}, settings=replace(work_settings, smtp_server=refuses))
    rehearsing(vault, ctx)
    found = await REHEARSAL.inspect(ctx)
    told = found.state, found.waiting_for, found.cause, found.until
    assert told == (State.WAITING, Turn.MAILBOX_USER, "smtp_auth_off_for_mailbox", None)
    assert (found.seen.key, found.seen.values["phase"]) == ("seen.smtp_failed", "key:phase.auth")
    assert found.evidence[0] == Evidence("smtp", found.seen.values["reply"])
    assert "the-token" not in repr(found)
    assert kept(vault, ctx) == (None, None, True, True)


async def test_what_has_logged_in_is_kept(given, vault, monkeypatch):
    """After a login, the sign-in and its secret are kept for checks, once.

    By signing in, the mailbox user has agreed to this.
    """
    scripted(monkeypatch, MAILBOX)
    ctx = given(facts={"upn": MAILBOX})
    rehearsing(vault, ctx)
    assert [(await REHEARSAL.inspect(ctx)).state for _ in range(2)] == [State.OK, State.OK]
    assert kept(vault, ctx) == ("the-sign-in", "the-secret", True, False)


BARE = "smtp_token_refused"


def scripted(monkeypatch: pytest.MonkeyPatch, taken: str, cause: str = BARE) -> list[str]:
    """Have the server accept one user name only; return the list of the names that it gets."""
    asked: list[str] = []

    async def probe(_server: str, username: str, token: str) -> SmtpProbe:
        asked.append(username)
        assert token == "the-token"
        if username == taken:
            return SmtpProbe(True, "", "", "235 2.7.0 Authentication successful", ())  # noqa: FBT003  in order
        return SmtpProbe(False, "auth", cause, "535 5.7.3 Authentication unsuccessful", ())  # noqa: FBT003

    monkeypatch.setattr("jobs.mail.smtp_login.login_probe", probe)
    return asked


async def rehearsed(ctx, vault) -> Finding:
    vault.put(f"rehearsal:{ctx.run.id}", "the-token", 60)
    return await REHEARSAL.inspect(ctx)


SAID = {"question": "mailbox_sign_in", "value": "yes"}


SIGNED_IN = Event(Kind.ANSWERED, now(), by=AGENT, data=SAID)


@pytest.mark.parametrize(
    ("shared", "user"), [("", "s1@contoso.com"), ("blocked", AGENT), ("yes", AGENT)]
)
async def test_the_user_name_is_the_token_s_own_user(given, vault, monkeypatch, shared, user):
    """The login uses the name of the user to whom the token belongs.

    For a shared mailbox that is the user who signed in, and the mailbox's address is not tried.
    """
    asked = scripted(monkeypatch, user)
    facts = {"upn": "s1@contoso.com"} | ({"shared": shared} if shared else {})
    found = await rehearsed(given(facts=facts, events=(SIGNED_IN,)), vault)
    assert (found.state, asked, found.facts) == (State.OK, [user], {})


@pytest.mark.parametrize(
    ("taken", "cause", "asked", "state", "username"),
    [
        (MAILBOX, BARE, [AGENT, MAILBOX], State.OK, MAILBOX),  # only the address
        ("nobody", BARE, [AGENT, MAILBOX], State.WAITING, None),  # neither
        (MAILBOX, "smtp_login_blocked", [AGENT], State.WAITING, None),  # another refusal
    ],
)
async def test_the_shared_address_is_tried_after_a_bare_refusal_only(
    given, vault, monkeypatch, taken, cause, asked, state, username
):
    """The shared mailbox's address is tried only if the server refuses the token without a reason.

    The result shows which name the form needs. If both are refused, the delegate is the cause.
    """
    names = scripted(monkeypatch, taken, cause)
    ctx = given(facts={"upn": MAILBOX, "shared": "blocked"}, events=(SIGNED_IN,))
    found = await rehearsed(ctx, vault)
    assert (names, found.state, found.facts.get("username")) == (asked, state, username)
    assert found.cause == ("" if state is State.OK else cause)


@pytest.mark.parametrize(
    ("ago", "turn"), [(timedelta(minutes=5), Turn.TIME), (timedelta(hours=2), Turn.MAILBOX_USER)]
)
async def test_a_fresh_switch_takes_time_to_spread(given, vault, work_settings, refuses, ago, turn):
    """A login that is blocked within an hour of switching SMTP AUTH on is tried again."""
    settings = replace(work_settings, smtp_server=refuses)
    ctx = given(facts={"upn": MAILBOX}, changed={"smtp_auth": now() - ago}, settings=settings)
    found = await rehearsed(ctx, vault)
    assert (found.waiting_for, found.until is not None) == (turn, turn is Turn.TIME)


@pytest.mark.parametrize(("waited", "turn"), [(0, Turn.TIME), (8, Turn.OPERATOR)])
async def test_a_server_that_is_away_is_tried_again(
    given, vault, work_settings, free_port, waited, turn
):
    """An unreachable server says nothing about the login, so it is tried again.

    After some tries the bot's operator is asked.
    """
    settings = replace(work_settings, smtp_server=f"127.0.0.1:{free_port}")
    ctx = given(facts={"upn": MAILBOX}, waits={"rehearsal": waited}, settings=settings)
    found = await rehearsed(ctx, vault)
    told = found.cause, found.waiting_for, found.until is not None
    assert told == ("smtp_unreachable", turn, turn is Turn.TIME)


TENANT = "11111111-2222-3333-4444-555555555555"


PROOF = {"own_login", "agent_has_it", "agent_answer"}


def planned(ctx, *names: str):
    """Return the run with a plan that changes these steps."""
    changes = tuple(all_steps()[name].planned(Finding(name, State.WRONG)) for name in names)
    plan = Event(Kind.PLANNED, ctx.run.opened, data={"plan": "p"}, changes=changes)
    ctx.store.append(ctx.run.id, plan)
    return ctx.store.load(ctx.run.id)


async def test_a_dead_sign_in_does_not_hold_up_the_fix(given, vault, work_settings, provider):
    """If the bot's own sign-in is invalid, the step is skipped and the fix continues.

    The sign-in belongs to the bot and not to the channel.
    """
    facts = {"client_id": "client-1", "upn": MAILBOX}
    ctx = given(facts=facts, settings=replace(work_settings, login_url=provider.base))
    vault.put("check-secret:support@contoso.com", "secret", 60)
    vault.put("check-session:support@contoso.com", "{}", 60)
    found = await OwnLogin().inspect(ctx)
    assert (found.state, found.seen) == (State.SKIPPED, Text("skipped.own_sign_in"))


@pytest.mark.parametrize(
    ("number", "ago", "state"),
    [
        (65001, 10, State.WAITING),
        (700016, 10, State.WAITING),
        (7000215, 119, State.WAITING),
        (7000215, 121, State.SKIPPED),
        (50057, 10, State.SKIPPED),
    ],
)
async def test_what_the_fix_has_written_may_not_be_known_yet(
    given, vault, work_settings, provider, number, ago, state
):
    """An error that a fresh change may cause is retried for two minutes.

    After that the sign-in counts as invalid.
    """
    vault.put("check-secret:support@contoso.com", "s3cr~t.Value", 60)
    made = replace(work_settings, login_url=provider.base)
    with sync_client(made) as http:
        identity = Identity(provider.base, http, TENANT, "client-1", "s3cr~t.Value")
        flow = identity.begin(
            [smtp_scope(made.exchange_url)], "https://bot.test/microsoft/callback", "state-1"
        )
        cache = identity.finish(flow, provider.sign_in(flow["auth_uri"])).cache
    vault.put("check-session:support@contoso.com", cache, 60)
    fix = {"kind": "fix", "changed": {"client_secret": now() - timedelta(seconds=ago)}}
    channel, facts = replace(CHANNEL, tenant_id=TENANT), {"client_id": "client-1"}
    ctx = given(channel=channel, facts=facts, settings=made, **fix)
    provider.trouble = [provider.refuse(400, "invalid_grant", number)]
    found = await OwnLogin().inspect(ctx)
    assert (found.state, found.until is not None) == (state, state is State.WAITING)


@pytest.mark.parametrize(
    ("changed", "proof"),
    [
        (("smtp_auth",), PROOF),
        (("smtp_grant", "forwarding"), PROOF),
        (("forwarding",), set()),
        (("outbound_policy",), set()),
    ],
)
def test_a_fix_proves_the_way_that_was_broken(given, changed, proof):
    """A fix always sends a test mail.

    If it changed the way of the answers, it also proves a login and an answer.
    """
    steps = steps_of(planned(given(kind="fix"), *changed))
    assert ("test_mail" in steps, PROOF & steps.keys()) == (True, proof)


def test_a_new_secret_takes_the_form(given):
    """A new secret adds the form's steps to a fix, because Webex Connect needs the secret."""
    steps = steps_of(planned(given(kind="fix"), "client_secret"))
    assert {"token", "app_fields", *PROOF} <= steps.keys()


def test_a_setup_has_its_own_rehearsal(given):
    """A setup does not have the step with the bot's own login, because it has a rehearsal."""
    assert "own_login" not in steps_for(Profile.ARTICLE)
    assert "own_login" not in steps_of(given(channel=Channel("a@contoso.com")).run)
