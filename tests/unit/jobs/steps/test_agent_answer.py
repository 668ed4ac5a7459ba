"""Article rows V2 and V3: an agent has the test mail, and the agent's answer leaves the mailbox."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from jobs.model import Evidence, Finding, State, Text, Turn
from jobs.steps.proof import AgentAnswer, AgentHasIt
from tests.unit.jobs.conftest import Cloud, Given

HAS, ANSWER = AgentHasIt(), AgentAnswer()
TRACE = "GET /admin/exchange/tracing/messageTraces"


def row(ctx: Any, status: str, recipient: str = "probe@else.test") -> dict[str, str]:
    """Return a row of the message trace for the agent's answer."""
    sent = {
        "id": "t1",
        "senderAddress": "support@contoso.com",
        "receivedDateTime": "2026-11-25T09:00:00Z",
    }
    return sent | {
        "recipientAddress": recipient,
        "subject": f"RE: Webex email test {ctx.run.id}",
        "status": status,
    }


async def test_a_delivered_answer_is_the_proof(given: Given, cloud: Cloud):
    """A delivered mail from the mailbox to the sender of the test mail is the proof of an answer.

    The mail has the subject of the test mail.
    """
    ctx = given()
    cloud.on(TRACE, [row(ctx, "delivered")])
    seen = Text("seen.answer_delivered", {"recipient": "probe@else.test"})
    facts = {"answered_at": datetime(2026, 11, 25, 9, tzinfo=UTC).isoformat()}
    assert await ANSWER.inspect(ctx) == Finding("agent_answer", State.OK, seen=seen, facts=facts)


@pytest.mark.parametrize(
    "recipient",
    [
        None,
        "x1@mail.webexconnect.io",
        "X1@mail.webexconnect.io",
        "Support@contoso.com",
        "upn@contoso.com",
    ],
)
async def test_what_is_no_answer(given: Given, cloud: Cloud, recipient: str | None):
    """The step waits for an answer if the trace shows only the copy, a mail to itself, or none."""
    ctx = given(facts={"upn": "UPN@contoso.com"})
    cloud.on(TRACE, [row(ctx, "delivered", recipient)] if recipient else [])
    found = await ANSWER.inspect(ctx)
    assert (found.state, found.waiting_for, found.seen) == (
        State.WAITING,
        Turn.AGENT,
        Text("seen.no_answer"),
    )
    assert found.until is not None


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        ("5.7.520 Access denied, external forwarding", "forwarding_blocked"),
        ("421 4.4.2 Connection dropped", "mail_not_delivered"),
        ("554 5.2.2 mailbox full", "mail_not_delivered"),
        ("550 5.1.90 daily limit for message recipients", "sending_limit_reached"),
        ("no idea", "mail_not_delivered"),
    ],
)
async def test_an_answer_that_failed_is_explained(
    given: Given, cloud: Cloud, words: str, cause: str
):
    """A failed answer gets the cause that the trace's text names, or a general one."""
    ctx = given()
    cloud.on(TRACE, [row(ctx, "failed")])
    cloud.on(
        f"{TRACE}/t1/getDetailsByRecipient(recipientAddress='probe@else.test')",
        [{"description": words}],
    )
    found = await ANSWER.inspect(ctx)
    assert (found.waiting_for, found.cause, found.evidence) == (
        Turn.AGENT,
        cause,
        (Evidence("trace", words),),
    )
    assert found.facts == {"answer_failed_at": datetime(2026, 11, 25, 9, tzinfo=UTC).isoformat()}


async def test_an_automatic_reply_is_no_answer(given: Given, cloud: Cloud):
    """An automatic reply of Exchange is not an answer, because no agent has written it."""
    ctx = given()
    cloud.on(
        TRACE,
        [row(ctx, "delivered") | {"subject": f"Automatic reply: Webex email test {ctx.run.id}"}],
    )
    found = await ANSWER.inspect(ctx)
    assert (found.state, found.seen) == (State.WAITING, Text("seen.no_answer"))
