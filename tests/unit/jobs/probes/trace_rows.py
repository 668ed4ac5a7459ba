"""Helpers that make message trace rows for the tests of the traces."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from jobs.clock import now
from jobs.model import Finding
from jobs.probes import all_probes

TRACES = "GET /admin/exchange/tracing/messageTraces"
MAILBOX, FORWARD, CUSTOMER = (
    "support@contoso.com",
    "x1@mail.webexconnect.io",
    "kim@customer.example",
)
MOMENT = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)


def ago(minutes: float) -> Callable[[], str]:
    """Return a function that gives the time ``minutes`` before it is called.

    The tests are collected minutes before they run.
    """
    return lambda: (now() - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def row(
    minutes: int, recipient: str = MAILBOX, status: str = "delivered", **more: Any
) -> dict[str, Any]:
    """Return the trace row of a mail of so many minutes ago to one recipient."""
    plain = {
        "id": f"m{minutes}",
        "messageId": f"<{minutes}>",
        "senderAddress": CUSTOMER,
        "recipientAddress": recipient,
    }
    return (
        plain
        | {
            "receivedDateTime": ago(minutes),
            "subject": f"Hello {minutes}",
            "status": status,
            "size": 900,
        }
        | more
    )


def copy(minutes: int, status: str = "delivered", **more: Any) -> dict[str, Any]:
    """Return the trace row of a copy to Webex Connect."""
    return row(minutes, FORWARD, status, **more)


def look(name: str, ctx: Any) -> Finding:
    """Return the finding of the probe ``name``."""
    return asyncio.run(all_probes()[name].inspect(ctx))


def details(cloud: Any, minutes: int, recipient: str, *lines: str) -> None:
    """Script the trace details of the mail of so many minutes ago."""
    events = [{"event": "Fail", "description": line} for line in lines]
    cloud.on(f"{TRACES}/m{minutes}/getDetailsByRecipient(recipientAddress='{recipient}')", events)


def sides(cloud: Any, arrived: list[Any], copies: list[Any]) -> None:
    """Script the traces of the mailbox and the forwarding address, in the order of requests."""
    cloud.on(TRACES, arrived, copies)


HOUR = 60
