"""V1: the test mail arrives, and its copy is delivered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from jobs.clock import now
from jobs.model import Evidence, Finding, State, Turn, Words
from jobs.run import Event, Kind
from jobs.settings import Settings
from jobs.step import Context
from jobs.steps import test_mail

STEP = test_mail.TestMail()
MAILBOX, COPY = "support@contoso.com", "x1@mail.webexconnect.io"
TRACE = "GET /admin/exchange/tracing/messageTraces"
AT = "2026-11-25T09:00:00Z"


def row(ctx: Any, recipient: str, status: str = "delivered") -> dict[str, str]:
    """A trace row of the run's test mail."""
    subject = f"Webex email test {ctx.run.id}"
    return {
        "id": "t1",
        "senderAddress": "probe@else.test",
        "recipientAddress": recipient,
        "receivedDateTime": AT,
        "subject": subject,
        "status": status,
    }


@pytest.fixture
def sends(work_settings: Settings) -> Settings:
    """Settings with which the bot sends the test mail itself."""
    return replace(work_settings, probe_smtp_url="smtp://127.0.0.1:9", probe_from="probe@else.test")


async def test_a_delivered_copy_is_the_proof(given: Callable[..., Context], cloud: Any):
    """Both rows: for the mailbox, and for the forwarding address."""
    ctx = given()
    cloud.on(TRACE, [row(ctx, MAILBOX)], [row(ctx, COPY)])
    moment = "2026-11-25T09:00:00+00:00"
    facts = {"subject": f"Webex email test {ctx.run.id}", "arrived_at": moment, "test_sender": "probe@else.test", "forwarded_at": moment}
    assert await STEP.inspect(ctx) == Finding("test_mail", State.OK, seen=Words("seen.copy_delivered"), facts=facts)


async def test_the_bot_sends_it_where_it_can(given: Callable[..., Context], cloud: Any, sends: Settings):
    """Nothing is on its way yet, so the fact is wrong, and can be mended by sending."""
    cloud.on(TRACE, [])
    found = await STEP.inspect(given(settings=sends))
    assert (found.state, found.seen) == (State.WRONG, Words("seen.not_sent"))


@pytest.mark.parametrize(("ago", "state"), [(timedelta(seconds=5), State.WAITING), (timedelta(seconds=25), State.WRONG)])
async def test_a_sending_that_was_cut_off(given: Callable[..., Context], cloud: Any, sends: Settings, ago: timedelta, state: State):
    """Its worker was killed: the mail is looked for first, and sent again when it does not show within 20 seconds."""
    cloud.on(TRACE, [])
    begun = Event(Kind.CHANGING, now() - ago, step="test_mail", finding=Finding("test_mail", State.WRONG))
    assert (await STEP.inspect(given(settings=sends, events=(begun,)))).state is state


@pytest.mark.parametrize("sender", ["", MAILBOX])
async def test_a_person_sends_it_otherwise(given: Callable[..., Context], cloud: Any, sends: Settings, sender: str):
    """Without a sender of its own the bot asks; Webex Connect ignores a mail from the mailbox to itself."""
    cloud.on(TRACE, [])
    found = await STEP.inspect(given(settings=replace(sends, probe_from=sender)))
    assert (found.waiting_for, found.seen) == (Turn.REQUESTER, Words("seen.send_it"))
    assert found.until is not None


@pytest.mark.parametrize(
    ("rows", "waits", "turn", "seen"),
    [
        (False, 0, Turn.TIME, "seen.on_its_way"),
        (True, 0, Turn.TIME, "seen.arrived"),
        (False, test_mail.LATE + 1, Turn.REQUESTER, "seen.on_its_way"),
    ],
)
async def test_underway(given: Callable[..., Context], cloud: Any, rows: bool, waits: int, turn: Turn, seen: str):  # noqa: FBT001  a parameter of the table
    """The clock is waited for; a mail that is late is somebody's business."""
    ctx = given(answers={"test_sent": "yes"}, waits={"test_mail": waits})
    cloud.on(TRACE, [row(ctx, MAILBOX, "pending")] if rows else [], [])
    found = await STEP.inspect(ctx)
    assert (found.state, found.waiting_for, found.seen) == (State.WAITING, turn, Words(seen))


@pytest.mark.parametrize(("ago", "turn"), [(timedelta(minutes=5), Turn.TIME), (timedelta(hours=2), Turn.ADMINISTRATOR)])
async def test_a_blocked_copy_is_explained(given: Callable[..., Context], cloud: Any, ago: timedelta, turn: Turn):
    """The trace's words say why; within an hour of our own policy it may be the old one still."""
    ctx = given(changed={"outbound_policy": now() - ago}, answers={"test_sent": "yes"})
    words = "550 5.7.520 Access denied, Your organization does not allow external forwarding."
    cloud.on(TRACE, [row(ctx, MAILBOX)], [row(ctx, COPY, "failed")])
    events = [{"event": "Defer", "description": "421 4.4.2 Connection dropped"}, {"event": "Fail", "description": words}]
    cloud.on(f"{TRACE}/t1/getDetailsByRecipient(recipientAddress='{COPY}')", events)
    found = await STEP.inspect(ctx)
    assert (found.state, found.waiting_for, found.cause) == (State.WAITING, turn, "forwarding_blocked")
    assert found.evidence[1:] == (Evidence("trace", f"Fail | {words}"),)


async def test_it_is_sent_again_when_the_policy_may_have_spread(given: Callable[..., Context], cloud: Any, sends: Settings):
    """A minute after the first one failed, another one is worth it."""
    ctx = given(changed={"outbound_policy": now(), "test_mail": now() - timedelta(minutes=2)}, waits={"test_mail": 1}, settings=sends)
    cloud.on(TRACE, [row(ctx, MAILBOX)], [row(ctx, COPY, "failed")])
    cloud.on(f"{TRACE}/t1/getDetailsByRecipient(recipientAddress='{COPY}')", [{"description": "5.7.520 Access denied"}])
    found = await STEP.inspect(ctx)
    assert (found.state, found.seen, found.cause) == (State.WRONG, Words("seen.not_sent"), "forwarding_blocked")
