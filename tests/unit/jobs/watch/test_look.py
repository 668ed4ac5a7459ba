"""Tests of the look of the watch: only customers' mails are counted."""

from __future__ import annotations

from datetime import UTC, datetime

from jobs.mail.message_trace import TraceRow, TraceStatus
from jobs.mail.watch_mail import new_mail
from jobs.watch.look import CountingTrace

MAILBOX, HOUR = "support@contoso.com", datetime(2026, 11, 27, 8, tzinfo=UTC)


class Trace:
    """Message trace that returns the given rows."""

    def __init__(self, *rows: TraceRow) -> None:
        self.rows = rows

    async def find(
        self, since: datetime, *, recipient: str = "", sender: str = "", subject: str = ""
    ) -> tuple[TraceRow, ...]:
        """Return all rows."""
        return self.rows

    async def details(self, row: TraceRow) -> tuple[str, ...]:
        """Return no details."""
        return ()


def row(number: int, message_id: str, subject: str = "Hello") -> TraceRow:
    """Return the row of a mail that arrived in the hour of the test."""
    at = HOUR.replace(minute=number)
    return TraceRow(
        f"t{number}",
        "kim@customer.example",
        MAILBOX,
        message_id,
        at,
        subject,
        TraceStatus.DELIVERED,
    )


async def test_test_mails_are_not_in_the_history():
    """The watch's own test mails are not counted as customers' mails.

    The counts by hour feed the history and the files. The step that follows
    the test mail still sees that mail.
    """
    mail = new_mail(HOUR)
    own = row(3, mail.message_id("probe@fabrikam.com"), f"{mail.subject} Test")
    trace = CountingTrace(Trace(row(1, "<1>"), row(2, "<2>"), own), MAILBOX)
    found = await trace.find(HOUR, recipient=MAILBOX)
    assert (trace.hours, own in found) == ({HOUR.isoformat(): 2}, True)
