"""Row C6: the bot's own logins, and the secret that it keeps for them."""

import socket
import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from jobs.clock import now
from jobs.clouds.http import sync_client
from jobs.mail.smtp_login import SmtpProbe
from jobs.microsoft.identity import Identity
from jobs.microsoft.scopes import smtp_scope
from jobs.model import Channel, Evidence, Finding, Profile, State, Text, Turn
from jobs.runs.run import Event, Kind
from jobs.steps import all_steps, steps_for, steps_of
from jobs.steps.connect_form import OwnLogin, Rehearsal
from tests.unit.jobs.conftest import CHANNEL, MAILBOX
from tests.unit.jobs.steps.looks import AGENT

STEP = Rehearsal()
REFUSAL = (
    "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox."
)


@pytest.fixture
def refuses():
    """Yield the address of an SMTP server that refuses every client in its banner."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(f"{REFUSAL}\r\n".encode())
                connection.recv(100)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        thread.join(2)


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
    found = await STEP.inspect(ctx)
    told = found.state, found.waiting_for, found.cause, found.until
    assert told == (State.WAITING, Turn.MAILBOX_USER, "smtp_auth_off_for_mailbox", None)
    assert (found.seen.key, found.seen.values["phase"]) == ("seen.smtp_failed", "key:phase.banner")
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
    assert [(await STEP.inspect(ctx)).state for _ in range(2)] == [State.OK, State.OK]
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
    ctx = given(facts=facts, events=(SIGNED_IN,))
    vault.put(f"rehearsal:{ctx.run.id}", "the-token", 60)
    found = await STEP.inspect(ctx)
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
    facts = {"upn": MAILBOX, "shared": "blocked"}
    ctx = given(facts=facts, events=(SIGNED_IN,))
    vault.put(f"rehearsal:{ctx.run.id}", "the-token", 60)
    found = await STEP.inspect(ctx)
    assert (names, found.state, found.facts.get("username")) == (asked, state, username)
    assert found.cause == ("" if state is State.OK else cause)


@pytest.mark.parametrize(
    ("ago", "turn"), [(timedelta(minutes=5), Turn.TIME), (timedelta(hours=2), Turn.MAILBOX_USER)]
)
async def test_a_fresh_switch_takes_time_to_spread(given, vault, work_settings, refuses, ago, turn):
    """A login that is blocked within an hour of switching SMTP AUTH on is tried again."""
    settings = replace(work_settings, smtp_server=refuses)
    ctx = given(facts={"upn": MAILBOX}, changed={"smtp_auth": now() - ago}, settings=settings)
    vault.put(f"rehearsal:{ctx.run.id}", "the-token", 60)
    found = await STEP.inspect(ctx)
    assert (found.waiting_for, found.until is not None) == (turn, turn is Turn.TIME)


@pytest.mark.parametrize(("waited", "turn"), [(0, Turn.TIME), (8, Turn.MAILBOX_USER)])
async def test_a_server_that_is_away_is_tried_again(
    given, vault, work_settings, free_port, waited, turn
):
    """An unreachable server says nothing about the login, so it is tried again.

    After some tries the mailbox user is asked.
    """
    settings = replace(work_settings, smtp_server=f"127.0.0.1:{free_port}")
    ctx = given(facts={"upn": MAILBOX}, waits={"rehearsal": waited}, settings=settings)
    vault.put(f"rehearsal:{ctx.run.id}", "the-token", 60)
    found = await STEP.inspect(ctx)
    told = found.cause, found.waiting_for, found.until is not None
    assert told == ("smtp_unreachable", turn, turn is Turn.TIME)


OWN_LOGIN_STEP = OwnLogin()
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
    found = await OWN_LOGIN_STEP.inspect(ctx)
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
    found = await OWN_LOGIN_STEP.inspect(ctx)
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
