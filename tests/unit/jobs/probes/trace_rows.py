"""Helpers that make message trace rows for the tests of the traces."""

import asyncio
from datetime import UTC, datetime, timedelta

from jobs.clock import now
from jobs.model import State
from jobs.probes import all_probes

OK, WRONG, WARNING = State.OK, State.WRONG, State.WARNING
POSSIBLE, SKIPPED = State.POSSIBLE, State.SKIPPED
TRACES = "GET /admin/exchange/tracing/messageTraces"
MAILBOX, FORWARD = "support@contoso.com", "x1@mail.webexconnect.io"
CUSTOMER = "kim@customer.example"
LOST, RULE_BLOCKS = "mail_not_delivered", "transport_rule_blocks"
MOMENT = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)


def ago(minutes: float):
    """Return a function that gives the time ``minutes`` before it is called.

    The tests are collected minutes before they run.
    """
    return lambda: (now() - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def row(minutes: int, status: str = "delivered", recipient: str = MAILBOX, **more):
    """Return the trace row of a mail of so many minutes ago to one recipient."""
    usual = {"id": f"m{minutes}", "messageId": f"<{minutes}>", "senderAddress": CUSTOMER}
    usual |= {"subject": f"Hello {minutes}", "status": status, "size": 900}
    return usual | {"recipientAddress": recipient, "receivedDateTime": ago(minutes)} | more


def copy(minutes: int, status: str = "delivered", **more):
    return row(minutes, status, FORWARD, **more)


def task(minutes: float, destination: str = MAILBOX, **more):
    """Return a contact center task of so many minutes ago."""
    values = {"channelType": "email", "status": "queued", "origin": CUSTOMER} | more
    values.setdefault(
        "createdTime", lambda: int((now() - timedelta(minutes=minutes)).timestamp() * 1000)
    )
    return {"id": f"t{minutes}", "attributes": {"destination": destination} | values}


def look(name: str, ctx):
    return asyncio.run(all_probes()[name].inspect(ctx))


def told(found) -> tuple[State, str, str]:
    """Return the state, the key of the text, and the cause of a finding."""
    return found.state, found.seen.key if found.seen else "", found.cause


def details(cloud, minutes: int, recipient: str, *lines: str) -> None:
    """Script the trace details of the mail of so many minutes ago."""
    events = [{"event": "Fail", "description": line} for line in lines]
    cloud.on(f"{TRACES}/m{minutes}/getDetailsByRecipient(recipientAddress='{recipient}')", events)


def sides(cloud, arrived, copies) -> None:
    """Script the traces of the mailbox and the forwarding address, in the order of requests."""
    cloud.on(TRACES, arrived, copies)


HOUR = 60
