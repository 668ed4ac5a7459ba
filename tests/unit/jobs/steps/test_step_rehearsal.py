"""C6, rehearsed: the mailbox user's token logs in at the SMTP server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from jobs.clock import now
from jobs.model import Evidence, Finding, State, Turn, Words
from jobs.settings import Settings
from jobs.step import Context
from jobs.steps.rehearsal import Rehearsal
from jobs.vault import Vault

STEP = Rehearsal()
REFUSAL = "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox."


@pytest.fixture
def refuses() -> Iterator[str]:
    """An SMTP server that says no in its banner; its address."""
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


async def test_a_reason_skips_it(given: Callable[..., Context]):
    """The reason is on record."""
    found = await STEP.inspect(given(answers={"rehearse": "skip:on leave"}))
    assert found == Finding("rehearsal", State.SKIPPED, seen=Words("skipped.rehearsal_because", {"reason": "on leave"}))


async def test_the_mailbox_user_is_waited_for(given: Callable[..., Context]):
    """Without a sign-in there is no token to log in with."""
    found = await STEP.inspect(given(answers={"rehearse": "yes"}))
    assert found == Finding("rehearsal", State.WAITING, seen=Words("seen.rehearsal_open"), waiting_for=Turn.MAILBOX_USER)


async def test_a_refusal_shows_its_phase_and_its_words(given: Callable[..., Context], vault: Vault, work_settings: Settings, refuses: str):
    """With the server's own words as evidence, and the token nowhere."""
    ctx = given(facts={"upn": "support@contoso.com"}, settings=replace(work_settings, smtp_server=refuses))
    vault.put(f"rehearsal:{ctx.run.id}", "the-token", 60)
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


@pytest.mark.parametrize(("ago", "turn"), [(timedelta(minutes=5), Turn.TIME), (timedelta(hours=2), Turn.MAILBOX_USER)])
async def test_a_fresh_switch_takes_time_to_spread(
    given: Callable[..., Context], vault: Vault, work_settings: Settings, refuses: str, ago: timedelta, turn: Turn
):
    """Within an hour of our own switch, a login that is still blocked is tried again by itself."""
    settings = replace(work_settings, smtp_server=refuses)
    ctx = given(facts={"upn": "support@contoso.com"}, changed={"smtp_auth": now() - ago}, settings=settings)
    vault.put(f"rehearsal:{ctx.run.id}", "the-token", 60)
    found = await STEP.inspect(ctx)
    assert (found.waiting_for, found.until is not None) == (turn, turn is Turn.TIME)


@pytest.mark.parametrize(("waited", "turn"), [(0, Turn.TIME), (8, Turn.MAILBOX_USER)])
async def test_a_server_that_is_away_is_tried_again(
    given: Callable[..., Context], vault: Vault, work_settings: Settings, free_port: int, waited: int, turn: Turn
):
    """It says nothing about the login; after some tries somebody is asked."""
    settings = replace(work_settings, smtp_server=f"127.0.0.1:{free_port}")
    ctx = given(facts={"upn": "support@contoso.com"}, waits={"rehearsal": waited}, settings=settings)
    vault.put(f"rehearsal:{ctx.run.id}", "the-token", 60)
    found = await STEP.inspect(ctx)
    assert (found.cause, found.waiting_for, found.until is not None) == ("smtp_unreachable", turn, turn is Turn.TIME)
