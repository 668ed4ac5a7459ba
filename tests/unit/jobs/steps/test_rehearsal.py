"""Article row C6, rehearsed: a login at the SMTP server with the mailbox user's token."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from jobs.clock import now
from jobs.engine.context import StepContext
from jobs.mail.smtp_login import SmtpProbe
from jobs.model import Evidence, Finding, State, Text, Turn
from jobs.runs.run import Event, Kind
from jobs.settings import Settings
from jobs.steps.connect_form import Rehearsal
from jobs.storage.vault import Vault
from tests.unit.jobs.conftest import Given

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
