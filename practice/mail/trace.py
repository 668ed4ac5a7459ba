"""Message trace: the events of each message for each recipient, visible after a delay."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Event:
    """Event of a mail in a message trace: Receive, Deliver, Fail, Send external and so on."""

    at: datetime
    event: str
    action: str
    detail: str
    data: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """Trace of one message for one recipient; copies of a message share its ``trace_id``."""

    trace_id: str
    tenant_id: str
    message_id: str
    sender: str
    recipient: str
    subject: str
    size: int
    from_ip: str
    status: str
    at: datetime
    events: tuple[Event, ...]


class TraceLog:
    """Log of all rows of the message traces of all tenants.

    Readers see a row after the delay.
    """

    def __init__(self, clock: Callable[[], datetime], delay: Callable[[], timedelta]) -> None:
        self._clock, self._delay = clock, delay
        self._rows: list[Row] = []

    def add(self, row: Row) -> None:
        """Add a row to the log."""
        self._rows.append(row)

    def seen(self, tenant_id: str) -> Iterator[Row]:
        """Return the rows of a tenant that a reader can see now, oldest first."""
        latest = self._clock() - self._delay()
        return (row for row in list(self._rows) if row.tenant_id == tenant_id and row.at <= latest)

    def find(self, tenant_id: str, trace_id: str, recipient: str) -> Row | None:
        """Return the visible row of a message for a recipient, or None."""
        wanted = recipient.lower()
        return next(
            (
                row
                for row in self.seen(tenant_id)
                if row.trace_id == trace_id and row.recipient.lower() == wanted
            ),
            None,
        )

    def replace(self, rows: Iterable[Row]) -> None:
        """Replace all rows of the log with these rows."""
        self._rows = list(rows)

    def all(self) -> tuple[Row, ...]:
        """Return every row without the delay, for the control API."""
        return tuple(self._rows)
