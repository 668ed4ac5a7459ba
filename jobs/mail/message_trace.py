"""Message trace through Graph or a cmdlet, which shows where a mail went (microsoft.md 2.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from jobs.causes.cause import Cause
from jobs.clock import now, parse
from jobs.clouds.errors import CloudError, MalformedAnswer, Transient, unreadable
from jobs.clouds.json_values import text_of
from jobs.microsoft.exchange import CmdletRunner, ExchangeRow
from jobs.microsoft.graph import Graph, TraceFilter, instant

#: Both backends search at most 10 days per request; the minute allows for rounding to seconds.
_LONGEST_INTERVAL = timedelta(days=10) - timedelta(minutes=1)
_PAGE, _MOST_PAGES = 1000, 10
_SHORTEST = timedelta(minutes=10)
#: Graph statuses for no trace here: no consent, role or service principal, or another cloud.
_GRAPH_CANNOT = frozenset({400, 401, 403, 404})
_GRAPH_NAMES = {
    "id": "id",
    "sender": "senderAddress",
    "recipient": "recipientAddress",
    "message_id": "messageId",
    "received": "receivedDateTime",
    "subject": "subject",
    "status": "status",
    "size": "size",
}
_CMDLET_NAMES = {
    "id": "MessageTraceId",
    "sender": "SenderAddress",
    "recipient": "RecipientAddress",
    "message_id": "MessageId",
    "received": "Received",
    "subject": "Subject",
    "status": "Status",
    "size": "Size",
}


class TraceStatus(StrEnum):
    """Status of a message, in Microsoft's words, lower case and without spaces."""

    DELIVERED = "delivered"
    EXPANDED = "expanded"
    FAILED = "failed"
    FILTERED_AS_SPAM = "filteredasspam"
    GETTING_STATUS = "gettingstatus"
    PENDING = "pending"
    QUARANTINED = "quarantined"
    RECALLED = "recalled"
    RESOLVED = "resolved"
    UNKNOWN = "unknown"

    @property
    def went_on(self) -> bool:
        """Return whether it reached the recipient, or what the address represents."""
        return self in {TraceStatus.DELIVERED, TraceStatus.EXPANDED, TraceStatus.RESOLVED}

    @classmethod
    def _missing_(cls, value: object) -> TraceStatus:
        plain = str(value).replace(" ", "").lower()
        return next((each for each in cls if each.value == plain), cls.UNKNOWN)


@dataclass(frozen=True, slots=True)
class TraceRow:
    """Message for one recipient, ``size`` in bytes; a copy's is the forwarding address."""

    id: str
    sender: str
    recipient: str
    message_id: str
    received: datetime
    subject: str
    status: TraceStatus
    size: int = 0


class Trace(Protocol):
    async def find(
        self, since: datetime, *, recipient: str = "", sender: str = "", subject: str = ""
    ) -> tuple[TraceRow, ...]:
        """Return the rows since the given time, newest first.

        The time range is at most 10 days. ``subject`` is part of the subject. Empty parameters do
        not filter.
        """
        ...

    async def details(self, row: TraceRow) -> tuple[str, ...]:
        """Return a row's history, one line an event, to show and to search for codes (5.7.520)."""
        ...


class GraphTrace:
    """Message trace through Graph v1.0, which is the documented way."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def find(
        self, since: datetime, *, recipient: str = "", sender: str = "", subject: str = ""
    ) -> tuple[TraceRow, ...]:
        wanted = TraceFilter(*_interval(since), recipient, sender, subject)
        rows = await self._graph.message_traces(wanted)
        return _tidy(_GRAPH_NAMES, rows, subject)

    async def details(self, row: TraceRow) -> tuple[str, ...]:
        events = await self._graph.message_trace_details(row.id, row.recipient)
        names = ("dateTime", "event", "action", "description", "data")
        return tuple(_event_text(event, names) for event in events)


class CmdletTrace:
    """Message trace using Get-MessageTraceV2, which has no pages.

    It returns a thousand rows, and continues from the last one's address and time (microsoft.md
    2.5).
    """

    def __init__(self, runner: CmdletRunner) -> None:
        self._runner = runner

    async def find(
        self, since: datetime, *, recipient: str = "", sender: str = "", subject: str = ""
    ) -> tuple[TraceRow, ...]:
        addresses = {"RecipientAddress": recipient, "SenderAddress": sender}
        wanted = {name: value for name, value in addresses.items() if value}
        return _tidy(_CMDLET_NAMES, await self._all(wanted, *_interval(since)), subject)

    async def _all(
        self, wanted: dict[str, str], start: datetime, end: datetime
    ) -> list[ExchangeRow]:
        """Return every row of the interval, some of them twice.

        The next request begins with the last row itself. If Exchange warns that rows are missing
        instead of returning the first thousand, each half of the interval is requested separately.
        """
        found: list[ExchangeRow] = []
        asked = {**wanted, "StartDate": instant(start), "EndDate": instant(end)}
        for _ in range(_MOST_PAGES):
            try:
                rows = await self._runner.run("Get-MessageTraceV2", asked)
            except MalformedAnswer as cut:
                if cut.cause != Cause.EXCHANGE_ANSWER_CUT or end - start < _SHORTEST:
                    raise
                middle = start + (end - start) / 2
                return [
                    *await self._all(wanted, middle, end),
                    *await self._all(wanted, start, middle),
                ]
            found += rows
            if len(rows) < _PAGE or (following := _following(rows[-1])).items() <= asked.items():
                break
            asked |= following
        return found

    async def details(self, row: TraceRow) -> tuple[str, ...]:
        wanted = {"MessageTraceId": row.id, "RecipientAddress": row.recipient}
        events = await self._runner.run("Get-MessageTraceDetailV2", wanted)
        names = ("Date", "Event", "Action", "Detail", "Data")
        return tuple(_event_text(event, names) for event in events)


class FirstThatCan:
    """Message trace through Graph, or through the cmdlet once Graph says that it cannot trace here.

    If neither can, Graph's error is raised. If the cmdlet is only not answered, its error is
    raised, because no role would help then.
    """

    def __init__(self, first: Trace, second: Trace) -> None:
        self._first: Trace | None = first
        self._second = second

    async def find(
        self, since: datetime, *, recipient: str = "", sender: str = "", subject: str = ""
    ) -> tuple[TraceRow, ...]:
        """Return the rows, read in the first way that can trace here (:meth:`Trace.find`)."""
        wanted = {"recipient": recipient, "sender": sender, "subject": subject}
        if self._first is None:
            return await self._second.find(since, **wanted)
        try:
            return await self._first.find(since, **wanted)
        except CloudError as cannot:
            if cannot.status not in _GRAPH_CANNOT:
                raise
            try:
                rows = await self._second.find(since, **wanted)
            except Transient:
                raise
            except CloudError:
                raise cannot from None
        self._first = None
        return rows

    async def details(self, row: TraceRow) -> tuple[str, ...]:
        """Return the history in the way that found the row; empty if not available."""
        try:
            return await (self._first or self._second).details(row)
        except CloudError as cannot:
            if cannot.status not in _GRAPH_CANNOT:
                raise
            return ()


def open_trace(graph: Graph, runner: CmdletRunner) -> Trace:
    return FirstThatCan(GraphTrace(graph), CmdletTrace(runner))


def _interval(since: datetime) -> tuple[datetime, datetime]:
    """Return the interval to now, with the second that has begun, of at most 10 days."""
    until = now() + timedelta(seconds=1)
    return max(since, until - _LONGEST_INTERVAL), until


def _tidy(
    names: Mapping[str, str], found: Sequence[Mapping[str, Any]], subject: str
) -> tuple[TraceRow, ...]:
    """Return each row once whose subject contains the given text, newest first.

    A row without a time is ignored. If no row has a time, the error is raised.
    """
    rows = (row for row in _readable(names, found) if subject.lower() in row.subject.lower())
    once = {(row.id, row.recipient.lower()): row for row in rows}
    return tuple(sorted(once.values(), key=lambda row: row.received, reverse=True))


def _readable(names: Mapping[str, str], found: Sequence[Mapping[str, Any]]) -> list[TraceRow]:
    """Return the rows that can be read.

    Raises:
        MalformedAnswer: there are rows, and none of them can be read.
    """
    rows: list[TraceRow] = []
    for each in found:
        try:
            rows.append(_row(names, each))
        except MalformedAnswer:
            if each is found[-1] and not rows:
                raise
    return rows


def _following(last: ExchangeRow) -> dict[str, str]:
    """Return the filter for the next rows: from this one's time and address on.

    Exchange's times have seven digits. With whole seconds, the rows of the same second before this
    one would be left out.
    """
    moment, address = _moment(last.get("Received")), text_of(last, "RecipientAddress")
    end = instant(moment)
    if moment.microsecond:
        end = f"{end[:-1]}.{moment.microsecond:06}Z"
    return {"StartingRecipientAddress": address, "EndDate": end}


def _row(names: Mapping[str, str], row: Mapping[str, Any]) -> TraceRow:
    value = {ours: row.get(theirs) or "" for ours, theirs in names.items()}
    return TraceRow(
        id=str(value["id"]),
        sender=str(value["sender"]),
        recipient=str(value["recipient"]),
        message_id=str(value["message_id"]),
        received=_moment(value["received"]),
        subject=str(value["subject"]),
        status=TraceStatus(value["status"]),
        size=value["size"] if isinstance(value["size"], int) else 0,
    )


def _moment(text: object) -> datetime:
    """Return the time in UTC; the cmdlet omits the zone."""
    found = parse(text)
    if found is None:
        raise unreadable("exchange", f"{text!r} is not a time")
    return found


def _event_text(event: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return " | ".join(filter(None, (text_of(event, name) for name in names)))
