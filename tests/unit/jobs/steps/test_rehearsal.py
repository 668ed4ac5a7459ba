"""Row C6: the bot's own logins, and the secret that it keeps for them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from jobs.clock import now
from jobs.clouds.http import sync_client
from jobs.engine.context import StepContext
from jobs.mail.smtp_login import SmtpProbe
from jobs.microsoft.app_manifest import unique_name
from jobs.microsoft.identity import Identity
from jobs.microsoft.scopes import smtp_scope
from jobs.model import Change, Channel, Evidence, Finding, Profile, Scope, State, Text, Turn
from jobs.runs.run import Event, Kind, Run
from jobs.runs.run_store import RunStore
from jobs.settings import Settings
from jobs.steps import all_steps, steps_for, steps_of
from jobs.steps.client_secret import LABEL, CheckSecret
from jobs.steps.connect_form import OwnLogin, Rehearsal
from jobs.storage.vault import Vault
from tests.unit.jobs.conftest import Cloud, Given

STEP = Rehearsal()
REFUSAL = (
    "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox."
)


@pytest.fixture
def refuses() -> Iterator[str]:
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


def rehearsing(vault: Vault, ctx: StepContext) -> None:
    """Store a token, a sign-in and a secret, as if the mailbox user had just signed in."""
    for name, value in (
        ("rehearsal", "the-token"),
        ("rehearsal-session", "the-sign-in"),
        ("rehearsal-secret", "the-secret"),
    ):
        vault.put(f"{name}:{ctx.run.id}", value, 60)


def kept(vault: Vault, ctx: StepContext) -> tuple[str | None, str | None, bool, bool]:
    """Return the check's sign-in and secret, and whether the run still has its own."""
    session, secret = (
        vault.get(f"{name}:support@contoso.com") for name in ("check-session", "check-secret")
    )
    return (
        session,
        secret,
        vault.holds(f"rehearsal-session:{ctx.run.id}"),
        vault.holds(f"rehearsal-secret:{ctx.run.id}"),
    )


async def test_a_reason_skips_it(given: Given):
    """A rehearsal that somebody skipped is recorded with the person's reason."""
    found = await STEP.inspect(given(answers={"rehearse": "skip:on leave"}))
    assert found == Finding(
        "rehearsal", State.SKIPPED, seen=Text("skipped.rehearsal_because", {"reason": "on leave"})
    )


async def test_the_mailbox_user_is_waited_for(given: Given):
    """The rehearsal waits for the mailbox user, because a login needs the token of a sign-in."""
    found = await STEP.inspect(given(answers={"rehearse": "yes"}))
    assert found == Finding(
        "rehearsal", State.WAITING, seen=Text("seen.rehearsal_open"), waiting_for=Turn.MAILBOX_USER
    )


async def test_a_refusal_shows_its_phase_and_its_words(
    given: Given, vault: Vault, work_settings: Settings, refuses: str
):
    """A refused login is shown with its phase and the server's own words, but without the token."""
    ctx = given(
        facts={"upn": "support@contoso.com"}, settings=replace(work_settings, smtp_server=refuses)
    )
    rehearsing(vault, ctx)
    found = await STEP.inspect(ctx)
    assert (found.state, found.waiting_for, found.cause, found.until) == (
        State.WAITING,
        Turn.MAILBOX_USER,
        "smtp_auth_off_for_mailbox",
        None,
    )
    assert found.seen is not None
    assert (found.seen.key, found.seen.values["phase"]) == ("seen.smtp_failed", "key:phase.banner")
    assert found.evidence[0] == Evidence("smtp", found.seen.values["reply"])
    assert "the-token" not in repr(found)
    assert kept(vault, ctx) == (None, None, True, True)


async def test_what_has_logged_in_is_kept(
    given: Given, vault: Vault, monkeypatch: pytest.MonkeyPatch
):
    """After a login, the sign-in and its secret are kept for checks, once.

    By signing in, the mailbox user has agreed to this.
    """

    async def login_probe(_server: str, _upn: str, _token: str) -> SmtpProbe:
        return SmtpProbe(True, "", "", "235 2.7.0 Authentication successful", ())  # noqa: FBT003  in order

    monkeypatch.setattr("jobs.mail.smtp_login.login_probe", login_probe)
    ctx = given(facts={"upn": "support@contoso.com"})
    rehearsing(vault, ctx)
    assert [(await STEP.inspect(ctx)).state for _ in range(2)] == [State.OK, State.OK]
    assert kept(vault, ctx) == ("the-sign-in", "the-secret", True, False)


def scripted(
    monkeypatch: pytest.MonkeyPatch, taken: str, cause: str = "smtp_token_refused"
) -> list[str]:
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


SIGNED_IN = Event(
    Kind.ANSWERED,
    now(),
    by="agent@contoso.com",
    data={"question": "mailbox_sign_in", "value": "yes"},
)


@pytest.mark.parametrize(
    ("shared", "user"),
    [("", "s1@contoso.com"), ("blocked", "agent@contoso.com"), ("yes", "agent@contoso.com")],
)
async def test_the_user_name_is_the_token_s_own_user(
    given: Given, vault: Vault, monkeypatch: pytest.MonkeyPatch, shared: str, user: str
):
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
        (
            "support@contoso.com",
            "smtp_token_refused",
            ["agent@contoso.com", "support@contoso.com"],
            State.OK,
            "support@contoso.com",
        ),
        (
            "nobody",
            "smtp_token_refused",
            ["agent@contoso.com", "support@contoso.com"],
            State.WAITING,
            None,
        ),
        ("support@contoso.com", "smtp_login_blocked", ["agent@contoso.com"], State.WAITING, None),
    ],
    ids=["only the address", "neither", "another refusal"],
)
async def test_the_shared_address_is_tried_after_a_bare_refusal_only(
    given: Given,
    vault: Vault,
    monkeypatch: pytest.MonkeyPatch,
    taken: str,
    cause: str,
    asked: list[str],
    state: State,
    username: str | None,
):
    """The shared mailbox's address is tried only if the server refuses the token without a reason.

    The result shows which name the form needs. If both are refused, the delegate is the cause.
    """
    names = scripted(monkeypatch, taken, cause)
    facts = {"upn": "support@contoso.com", "shared": "blocked"}
    ctx = given(facts=facts, events=(SIGNED_IN,))
    vault.put(f"rehearsal:{ctx.run.id}", "the-token", 60)
    found = await STEP.inspect(ctx)
    assert (names, found.state, found.facts.get("username")) == (asked, state, username)
    assert found.cause == ("" if state is State.OK else cause)


@pytest.mark.parametrize(
    ("ago", "turn"), [(timedelta(minutes=5), Turn.TIME), (timedelta(hours=2), Turn.MAILBOX_USER)]
)
async def test_a_fresh_switch_takes_time_to_spread(
    given: Given, vault: Vault, work_settings: Settings, refuses: str, ago: timedelta, turn: Turn
):
    """A login that is blocked within an hour of switching SMTP AUTH on is tried again."""
    settings = replace(work_settings, smtp_server=refuses)
    ctx = given(
        facts={"upn": "support@contoso.com"}, changed={"smtp_auth": now() - ago}, settings=settings
    )
    vault.put(f"rehearsal:{ctx.run.id}", "the-token", 60)
    found = await STEP.inspect(ctx)
    assert (found.waiting_for, found.until is not None) == (turn, turn is Turn.TIME)


@pytest.mark.parametrize(("waited", "turn"), [(0, Turn.TIME), (8, Turn.MAILBOX_USER)])
async def test_a_server_that_is_away_is_tried_again(
    given: Given, vault: Vault, work_settings: Settings, free_port: int, waited: int, turn: Turn
):
    """An unreachable server says nothing about the login, so it is tried again.

    After some tries the mailbox user is asked.
    """
    settings = replace(work_settings, smtp_server=f"127.0.0.1:{free_port}")
    ctx = given(
        facts={"upn": "support@contoso.com"}, waits={"rehearsal": waited}, settings=settings
    )
    vault.put(f"rehearsal:{ctx.run.id}", "the-token", 60)
    found = await STEP.inspect(ctx)
    assert (found.cause, found.waiting_for, found.until is not None) == (
        "smtp_unreachable",
        turn,
        turn is Turn.TIME,
    )


OWN_LOGIN_STEP = OwnLogin()
TENANT = "11111111-2222-3333-4444-555555555555"
CHANNEL = Channel(
    "support@contoso.com", "https://uk.webexconnect.io/callback", "x1@mail.webexconnect.io"
)
PROOF = {"own_login", "agent_has_it", "agent_answer"}


def planned(ctx: StepContext, *names: str) -> Run:
    """Return the run with a plan that changes these steps."""
    changes = tuple(
        all_steps()[name].change(Text("seen.off"), Text("seen.on"), "mailbox", "x")
        for name in names
    )  # type: ignore[arg-type]  # the scope is not looked at
    ctx.store.append(
        ctx.run.id, Event(Kind.PLANNED, ctx.run.opened, data={"plan": "p"}, changes=changes)
    )
    return ctx.store.load(ctx.run.id)


async def test_nobody_rehearsed(given: Given):
    """If nobody has rehearsed, the bot has no sign-in of its own, so the step is skipped."""
    found = await OWN_LOGIN_STEP.inspect(given())
    assert (found.state, found.seen) == (State.SKIPPED, Text("skipped.never_rehearsed"))


async def test_a_dead_sign_in_does_not_hold_up_the_fix(
    given: Given, vault: Vault, work_settings: Settings, provider: Any
):
    """If the bot's own sign-in is invalid, the step is skipped and the fix continues.

    The sign-in belongs to the bot and not to the channel.
    """
    ctx = given(
        facts={"client_id": "client-1", "upn": "support@contoso.com"},
        settings=replace(work_settings, login_url=provider.base),
    )
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
    given: Given,
    vault: Vault,
    work_settings: Settings,
    provider: Any,
    number: int,
    ago: int,
    state: State,
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
    changed = {"client_secret": now() - timedelta(seconds=ago)}
    ctx = given(
        channel=replace(CHANNEL, tenant_id=TENANT),
        facts={"client_id": "client-1"},
        settings=made,
        changed=changed,
        kind="fix",
    )
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
def test_a_fix_proves_the_way_that_was_broken(
    given: Given, changed: tuple[str, ...], proof: set[str]
):
    """A fix always sends a test mail.

    If it changed the way of the answers, it also proves a login and an answer.
    """
    steps = steps_of(planned(given(kind="fix"), *changed))
    assert ("test_mail" in steps, PROOF & steps.keys()) == (True, proof)


def test_a_new_secret_takes_the_form(given: Given):
    """A new secret adds the form's steps to a fix, because Webex Connect needs the secret."""
    steps = steps_of(planned(given(kind="fix"), "client_secret"))
    assert {"token", "app_fields", *PROOF} <= steps.keys()


def test_a_setup_has_its_own_rehearsal(given: Given):
    """A setup does not have the step with the bot's own login, because it has a rehearsal."""
    assert "own_login" not in steps_for(Profile.ARTICLE)
    assert "own_login" not in steps_of(given(channel=Channel("a@contoso.com")).run)


SECRET_FOR_CHECKS_STEP = CheckSecret()
APP = f"GET /applications(uniqueName='{unique_name('support@contoso.com')}')"
ADD, REMOVE = (
    "POST /applications/object-1/addPassword",
    "POST /applications/object-1/removePassword",
)
FACTS = {"object_id": "object-1"}
KEPT = "check-secret:support@contoso.com"


async def test_a_skipped_rehearsal_needs_none(given: Given):
    """If somebody skipped the rehearsal, no secret of the bot's own is created."""
    found = await SECRET_FOR_CHECKS_STEP.inspect(given(answers={"rehearse": "skip:away"}))
    assert found == Finding("check_secret", State.SKIPPED, seen=Text("skipped.rehearsal"))


@pytest.mark.parametrize(
    ("sealed", "seen", "by_run", "state"),
    [
        ("rehearsal-secret:{run}", {}, False, State.OK),
        (KEPT, {"own_secret": "yes"}, False, State.OK),
        (KEPT, {}, False, State.WRONG),
        (KEPT, {}, True, State.OK),
    ],
)
async def test_a_sealed_secret_counts_while_the_app_has_it(
    given: Given, vault: Vault, sealed: str, seen: dict[str, str], by_run: bool, state: State
):
    """A secret kept for checks is of no use if its app was deleted or somebody removed it.

    The run's own secret counts at once, because Microsoft may not list it yet.
    """
    ctx = given(facts=FACTS | seen, changed={SECRET_FOR_CHECKS_STEP.name: now()} if by_run else {})
    vault.put(sealed.format(run=ctx.run.id), "value", 60)
    found = await SECRET_FOR_CHECKS_STEP.inspect(ctx)
    assert (found.state, found.values) == (state, {"made": "yes" if state is State.OK else ""})


async def test_a_proven_channel_is_not_rehearsed_again(given: Given, store: RunStore):
    """If an earlier run has proven the channel, the step is skipped."""
    earlier = given()
    store.end(earlier.run, Event(Kind.FINISHED, now()))
    assert await SECRET_FOR_CHECKS_STEP.inspect(given()) == Finding(
        "check_secret", State.SKIPPED, seen=Text("skipped.proven_before")
    )


async def test_it_is_planned_with_the_others(given: Given):
    """The plan notes that the bot's own secret is created only if somebody rehearses."""
    ctx = given(facts=FACTS)
    found = await SECRET_FOR_CHECKS_STEP.inspect(ctx)
    words = Text("step.check_secret"), Text("seen.none"), Text("after.check_secret")
    line = Change(
        "check_secret", "C6", *words, Scope.APP, "Graph POST /applications/{id}/addPassword"
    )
    assert SECRET_FOR_CHECKS_STEP.plan(ctx, found) == (
        replace(line, note=Text("note.check_secret")),
    )


async def test_it_replaces_what_was_left_behind(given: Given, cloud: Cloud, vault: Vault):
    """A new secret of the bot replaces an unused older one and keeps all other secrets.

    It ends no later than Webex Connect's secret.
    """
    end = now() + timedelta(days=30)
    left = [
        {"displayName": LABEL, "keyId": "old"},
        {"displayName": "Webex Connect X", "keyId": "theirs"},
    ]
    cloud.on(APP, {"passwordCredentials": left}).on(
        ADD, {"keyId": "new", "secretText": "own~secret"}
    )
    ctx = given(facts=FACTS | {"expires": end.isoformat()})
    await SECRET_FOR_CHECKS_STEP.apply(ctx, Finding("check_secret", State.WRONG))
    credential = {"displayName": LABEL, "endDateTime": f"{end:%Y-%m-%dT%H:%M:%SZ}"}
    assert cloud.writes == [(REMOVE, {"keyId": "old"}), (ADD, {"passwordCredential": credential})]
    assert (vault.get(f"rehearsal-secret:{ctx.run.id}"), vault.get(KEPT)) == ("own~secret", None)
