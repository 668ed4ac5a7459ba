"""What the message traces say: the newest mail, since when it fails, how often, and what was left behind."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobs.clock import now
from jobs.mail.trace import TraceRow, TraceStatus
from jobs.model import Evidence, Finding, State
from jobs.probes import all_probes
from jobs.probes.traces import left_behind

TRACES = "GET /admin/exchange/tracing/messageTraces"
MAILBOX, FORWARD, CUSTOMER = "support@contoso.com", "x1@mail.webexconnect.io", "kim@customer.example"
MOMENT = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
BLOCKED = "550 5.7.520 Access denied, Your organization does not allow external forwarding. AS(7555)"


def row(minutes: int, recipient: str = MAILBOX, status: str = "delivered", **more: Any) -> dict[str, Any]:
    """A mail of so many minutes ago, for one recipient."""
    at = (now() - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
    plain = {"id": f"m{minutes}", "messageId": f"<{minutes}>", "senderAddress": CUSTOMER, "recipientAddress": recipient}
    return plain | {"receivedDateTime": at, "subject": f"Hello {minutes}", "status": status, "size": 900} | more


def copy(minutes: int, status: str = "delivered", **more: Any) -> dict[str, Any]:
    """The copy to Webex Connect."""
    return row(minutes, FORWARD, status, **more)


def look(name: str, ctx: Any) -> Finding:
    """What the probe finds."""
    return asyncio.run(all_probes()[name].inspect(ctx))


@pytest.mark.parametrize(
    ("rows", "state", "cause"),
    [
        ([], State.SKIPPED, ""),
        ([row(5, status="pending")], State.SKIPPED, ""),
        ([row(5), row(60, status="failed")], State.OK, ""),
        ([row(5, status="failed"), row(60)], State.WRONG, "mail_not_delivered"),
        ([row(3, status="gettingStatus"), row(5)], State.OK, ""),
        ([row(5, status="quarantined")], State.WRONG, "mail_not_delivered"),
        ([row(5, status="failed"), row(5, id="other")], State.WRONG, "mail_not_delivered"),
    ],
)
def test_the_newest_mail_decides(cloud: Any, given: Any, rows: list[Any], state: State, cause: str):
    """A failure counts only while nothing newer has gone through; what is under way says nothing."""
    cloud.on(TRACES, rows).on(f"{TRACES}/m5/getDetailsByRecipient(recipientAddress='{MAILBOX}')", [])
    found = look("arrivals", given())
    assert (found.state, found.cause) == (state, cause)


def test_a_failure_says_since_when_and_how_often(cloud: Any, given: Any):
    """From the first one after the last good mail, with the trace's words as evidence and the cause that they name."""
    cloud.on(TRACES, [copy(5, "failed"), copy(20, "failed"), copy(30), copy(90, "failed")])
    cloud.on(f"{TRACES}/m5/getDetailsByRecipient(recipientAddress='{FORWARD}')", [{"event": "Fail", "description": BLOCKED}])
    found = look("copies", given())
    assert (found.state, found.cause, found.facts["failed"]) == (State.WRONG, "forwarding_blocked", "2")
    since, at = ((now() - timedelta(minutes=minutes)).isoformat()[:15] for minutes in (20, 30))
    assert (found.facts["since"][:15], found.facts["at"][:15]) == (since, at)
    assert found.evidence == (Evidence("trace", f"Fail | {BLOCKED}"),)


def traced(minutes: int, sender: str = CUSTOMER, status: TraceStatus = TraceStatus.DELIVERED) -> TraceRow:
    """A row as the trace gives it; a copy has its original's message id."""
    return TraceRow(f"m{minutes}", sender, "", f"<{minutes}>", MOMENT - timedelta(minutes=minutes), "Hello", status)


@pytest.mark.parametrize(
    ("arrived", "copies", "left"),
    [
        ([traced(5), traced(20), traced(30), traced(90)], [traced(30)], ["m5", "m20"]),
        ([traced(5), traced(30)], [traced(5, status=TraceStatus.FAILED), traced(30)], ["m5"]),
        ([traced(5, MAILBOX), traced(30)], [traced(30)], []),
        ([traced(5), traced(6)], [], ["m5", "m6"]),
        ([traced(5, status=TraceStatus.QUARANTINED)], [], []),
        ([traced(5)], [traced(5)], []),
    ],
)
def test_what_was_left_behind(arrived: list[TraceRow], copies: list[TraceRow], left: list[str]):
    """Mails of others that arrived after the last good copy and have none; the mailbox's own do not count."""
    assert [each.id for each in left_behind(arrived, copies, MAILBOX)] == left
