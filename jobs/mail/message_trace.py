"""Message trace through Graph or a cmdlet, which shows where a mail went (microsoft.md 2.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from jobs.causes.cause import Cause
from jobs.clock import now, parse
from jobs.clouds.errors import CloudError, MalformedAnswer, Transient, unreadable
from jobs.clouds.json_values import text_of
from jobs.microsoft.exchange import ExchangeRow, InvokeCommand
from jobs.microsoft.graph import Graph, instant

#: Both backends search at most 10 days per request; the minute allows for rounding to seconds.
_LONGEST_INTERVAL = timedelta(days=10) - timedelta(minutes=1)
_PAGE, _MOST_PAGES = 1000, 10
_SHORTEST = timedelta(minutes=10)
#: Graph statuses for no trace here: no consent, role or service principal, or another cloud.
_GRAPH_CANNOT = frozenset({400, 401, 403, 404})
_EVENT = (("dateTime", "Date"), ("event",), ("action",), ("description", "Detail"), ("data",))
"""Fields of an event, each by Graph's name and by the cmdlet's if that differs in more than case."""


class TraceStatus(StrEnum):
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


Rows = Sequence[TraceRow]


class Trace:
    """Message trace through Graph, or through the cmdlet once Graph says that it cannot trace here.

    Without ``graph`` the cmdlet alone is used. If neither can trace, Graph's error is raised. If
    the cmdlet is only not answered, its error is raised, because no role would help then.
    """

    def __init__(self, graph: Graph | None, runner: InvokeCommand) -> None:
        self._graph = graph
        self._runner = runner

    async def find(
        self, since: datetime, *, recipient: str = "", sender: str = "", subject: str = ""
    ) -> tuple[TraceRow, ...]:
        """Return the rows of at most 10 days, newest first.

        ``subject`` is part of the subject. Empty parameters do not filter.
        """
        until = now() + timedelta(seconds=1)  # with the second that has begun
        since, refused = max(since, until - _LONGEST_INTERVAL), None
        if self._graph is not None:
            wanted = self._graph.message_traces(since, until, recipient, sender, subject)
            try:
                return _tidy(await wanted, subject)
            except CloudError as cannot:
                if cannot.status not in _GRAPH_CANNOT:
                    raise
                refused = cannot
        addresses = {"RecipientAddress": recipient, "SenderAddress": sender}
        given = {name: value for name, value in addresses.items() if value}
        try:
            found = _tidy(await self._by_cmdlet(given, since, until), subject)
        except Transient:
            raise
        except CloudError as error:
            raise (refused or error) from None
        self._graph = None
        return found

    async def _by_cmdlet(
        self, wanted: dict[str, str], start: datetime, end: datetime
    ) -> list[ExchangeRow]:
        """Return every row of the interval by Get-MessageTraceV2, some of them twice.

        It has no pages: the next request begins with the last of a thousand rows (microsoft.md
        2.5). If Exchange warns that rows are missing instead, each half of the interval is
        requested separately.
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
                newer = await self._by_cmdlet(wanted, middle, end)
                return newer + await self._by_cmdlet(wanted, start, middle)
            found += rows
            if len(rows) < _PAGE or (following := _following(rows[-1])).items() <= asked.items():
                break
            asked |= following
        return found

    async def details(self, row: TraceRow) -> tuple[str, ...]:
        """Return a row's history, a line an event, to show and to search for codes."""
        wanted = {"MessageTraceId": row.id, "RecipientAddress": row.recipient}
        try:
            events: Sequence[Mapping[str, Any]] = (
                await self._graph.message_trace_details(row.id, row.recipient)
                if self._graph is not None
                else await self._runner.run("Get-MessageTraceDetailV2", wanted)
            )
        except CloudError as cannot:
            if cannot.status not in _GRAPH_CANNOT:
                raise
            return ()
        lines = ([text_of(event, *names) for names in _EVENT] for event in events)
        return tuple(" | ".join(filter(None, line)) for line in lines)


def _tidy(found: Sequence[Mapping[str, Any]], subject: str) -> tuple[TraceRow, ...]:
    """Return each row once whose subject contains the given text, newest first.

    A row without a time is ignored.

    Raises:
        MalformedAnswer: there are rows, and none of them can be read.
    """
    rows = list(filter(None, map(_row, found)))
    if found and not rows:
        raise unreadable("exchange", "rows without a time")
    wanted = (row for row in rows if subject.lower() in row.subject.lower())
    once = {(row.id, row.recipient.lower()): row for row in wanted}
    return tuple(sorted(once.values(), key=lambda row: row.received, reverse=True))


def _following(last: ExchangeRow) -> dict[str, str]:
    """Return the filter for the next rows: from this one's time and address on.

    Exchange's times have seven digits. With whole seconds, the rows of the same second before this
    one would be left out.
    """
    moment = parse(last.get("Received"))
    if moment is None:
        raise unreadable("exchange", "a last row without a time")
    end = instant(moment)
    if moment.microsecond:
        end = f"{end[:-1]}.{moment.microsecond:06}Z"
    return {"StartingRecipientAddress": text_of(last, "RecipientAddress"), "EndDate": end}


def _row(row: Mapping[str, Any]) -> TraceRow | None:
    received, size = parse(row.get("receivedDateTime") or row.get("Received")), row.get("size")
    if received is None:
        return None
    return TraceRow(
        id=text_of(row, "id", "MessageTraceId"),
        sender=text_of(row, "senderAddress"),
        recipient=text_of(row, "recipientAddress"),
        message_id=text_of(row, "messageId"),
        received=received,
        subject=text_of(row, "subject"),
        status=TraceStatus(text_of(row, "status")),
        size=size if isinstance(size, int) else 0,
    )
