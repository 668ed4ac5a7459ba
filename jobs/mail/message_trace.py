"""Message trace through Graph or a cmdlet, and the state of mail at one point of its path in it.

Sources: platforms/microsoft.md 2.3 and 2.5, platforms/connect.md 1.5.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import takewhile
from typing import Any, Self

from jobs.causes.cause import Cause, ErrorKind
from jobs.causes.patterns import patterns
from jobs.causes.reader import Place, read
from jobs.clock import parse
from jobs.clouds.clock_skew import MICROSOFT, now_at
from jobs.clouds.errors import CloudError, MalformedAnswer, Transient, unreadable
from jobs.clouds.json_values import lower_of, text_of
from jobs.microsoft.exchange import ExchangeRow, InvokeCommand
from jobs.microsoft.graph import Graph, instant
from jobs.model import Station

#: Both backends search at most 10 days per request; the minute allows for rounding to seconds.
_LONGEST_INTERVAL = timedelta(days=10) - timedelta(minutes=1)
_PAGE, _MOST_PAGES = 1000, 10
_SHORTEST = timedelta(minutes=10)
#: Graph statuses for no trace here: no consent, role or service principal, or another cloud.
_GRAPH_CANNOT = frozenset({400, 401, 403, 404})
_EVENT = (("dateTime", "Date"), ("event",), ("action",), ("description", "Detail"), ("data",))
"""Fields of an event, each by Graph's name and by the cmdlet's if that differs in more than case."""


TraceStatus = StrEnum(
    "TraceStatus",
    "DELIVERED EXPANDED RESOLVED FAILED FILTERED_AS_SPAM QUARANTINED PENDING GETTING_STATUS UNKNOWN",
)
"""State of a message for one recipient, without those that mean nothing here."""


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

    @property
    def went_on(self) -> bool:
        """Return whether it reached the recipient, or what the address represents."""
        return self.status in {TraceStatus.DELIVERED, TraceStatus.EXPANDED, TraceStatus.RESOLVED}


Rows = Sequence[TraceRow]


class Trace:
    """Message trace through Graph, or through the cmdlet once Graph says that it cannot trace here.

    Without ``graph`` the cmdlet alone is used. If neither can trace, Graph's error is raised. If
    the cmdlet has no readable answer, its error is raised, because no role would help then.
    """

    def __init__(self, graph: Graph | None, runner: InvokeCommand) -> None:
        self._graph, self._runner = graph, runner

    async def find(
        self, since: datetime, *, recipient: str = "", sender: str = "", subject: str = ""
    ) -> tuple[TraceRow, ...]:
        """Return the rows of at most 10 days, newest first.

        ``subject`` is part of the subject. Empty parameters do not filter.
        """
        until = now_at(MICROSOFT) + timedelta(seconds=10)  # slow answers blur the clock skew
        since, refused = max(since, until - _LONGEST_INTERVAL), None
        if self._graph is not None:
            wanted = self._graph.message_traces(since, until, recipient, sender, subject)
            try:
                return _tidy(await wanted, subject)
            except CloudError as cannot:
                if cannot.status not in _GRAPH_CANNOT:
                    raise
                refused = cannot
        given = {"RecipientAddress": recipient, "SenderAddress": sender}
        given = {name: value for name, value in given.items() if value}
        try:
            found = _tidy(await self._by_cmdlet(given, since, until), subject)
        except (Transient, MalformedAnswer):
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
            events: Sequence[Mapping[str, Any]]
            if self._graph is not None:
                events = await self._graph.message_trace_details(row.id, row.recipient)
            else:
                events = await self._runner.run("Get-MessageTraceDetailV2", wanted)
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
    word = lower_of(row, "status").replace(" ", "")
    known = {each.replace("_", ""): each for each in TraceStatus}
    return TraceRow(
        id=text_of(row, "id", "MessageTraceId"),
        sender=text_of(row, "senderAddress"),
        recipient=text_of(row, "recipientAddress"),
        message_id=text_of(row, "messageId"),
        received=received,
        subject=text_of(row, "subject"),
        status=known.get(word, TraceStatus.UNKNOWN),
        size=size if isinstance(size, int) else 0,
    )


GONE = Cause.CONNECT_ADDRESS_GONE
"""Cause if the forwarding address has no email app, or a different one now."""
UNANSWERED = Cause.CONNECT_NOT_REACHED
"""Cause if the destination server did not answer, or kept deferring, until the copy was old."""
AT_CONNECT = frozenset({GONE, UNANSWERED})
LOST = Cause.MAIL_NOT_DELIVERED
_BY_PLACE = frozenset({GONE, UNANSWERED, LOST, Cause.MAILBOX_NOT_FOUND})
"""Causes for which a mail's place on its way counts, and not the words of a trace."""
_FINAL = re.compile(r"\b5\d\d[ -][45]\.\d{1,3}\.\d{1,3}\b|(?<![\w.])5\.\d{1,3}\.\d{1,3}(?!\w|\.\d)")


def cause_at(place: Station, words: Iterable[str]) -> str:
    """Return the cause in a bounce, for a mail at this point of its path; empty if none is named.

    Causes of others, such as a customer's full mailbox, are ignored, and so are deferrals.
    """
    said = (each for line in words for each in read(line, Place.EXCHANGE).certain)
    lasting = (each.cause for each in said if each.kind is not ErrorKind.TRANSIENT)
    cause = next((cause for cause in lasting if cause not in _BY_PLACE), "")
    others = "of_sender" if place is Station.MAILBOX else "of_recipient"
    return "" if cause in patterns().groups[others] else cause


def cause_of_copy(words: Sequence[str]) -> str:
    """Return why a copy failed, without a known code; a deferral counts if no line is final."""
    if says("unknown_recipient", words):
        return GONE
    return UNANSWERED if says("expired", list(filter(_FINAL.search, words)) or words) else LOST


def says(name: str, words: Iterable[str]) -> bool:
    return any(map(patterns().named[name].search, words))


STUCK_AFTER = timedelta(hours=1)
"""Age at which mail that is still in transit counts as not delivered."""
COPIED_WITHIN = timedelta(minutes=30)
"""Longest delay of a copy, including the delay of the trace (platforms/microsoft.md 2.5)."""
TRACED_WITHIN = timedelta(minutes=5)
"""Time for which the copy of a single mail may be late without a report."""
A_MOMENT = timedelta(minutes=1)
"""Time for which the copies of several mails may be late without a report."""
ENOUGH = 2
"""Number of late mails in a row from which their delay is no coincidence."""
LARGEST = 25 * 1024 * 1024
"""Largest mail in bytes; Webex Connect returns larger ones (platforms/connect.md 1.7)."""
REPORTS = ("postmaster@", "microsoftexchange", "mailer-daemon@")
"""Beginnings of the addresses of delivery reports, which a mailbox does not forward."""
_WITHHELD = frozenset({TraceStatus.QUARANTINED, TraceStatus.FILTERED_AS_SPAM})
_UNDER_WAY = frozenset({TraceStatus.PENDING, TraceStatus.GETTING_STATUS})


@dataclass(frozen=True, slots=True)
class MailFlow:
    """Newest good mail, and failures after it; ``begun`` are in transit, under an hour old."""

    good: TraceRow | None
    failures: tuple[TraceRow, ...]
    begun: tuple[TraceRow, ...] = ()

    @classmethod
    def of(cls, rows: Rows) -> Self:
        """Return the flow of rows, newest first; mail in transit under an hour says nothing."""
        done = [row for row in rows if row.went_on or stopped(row)]
        good = next((row for row in done if row.went_on), None)
        begun = takewhile(lambda row: row.status in _UNDER_WAY and not stopped(row), rows)
        return cls(good, tuple(takewhile(stopped, done)), tuple(begun))

    @property
    def refused(self) -> tuple[TraceRow, ...]:
        """Return the failures without spam, which a filter withheld: no fault of the path."""
        return tuple(row for row in self.failures if not withheld(row))


def stopped(row: TraceRow) -> bool:
    stuck = row.status in _UNDER_WAY and now_at(MICROSOFT) - row.received > STUCK_AFTER
    return stuck or row.status is TraceStatus.FAILED or withheld(row)


def withheld(row: TraceRow) -> bool:
    return row.status in _WITHHELD


def without_copy(arrived: Rows, copies: Rows, mailbox: str, since: datetime | None) -> Rows:
    """Return others' mails without a copy, after the last copy and ``since``, newest first."""
    handed = _that_went_on(copies)
    ids = {row.message_id for row in handed}
    last = max(filter(None, (*(row.received for row in handed[:1]), since)), default=None)
    return tuple(
        row
        for row in _that_went_on(arrived)
        if row.message_id not in ids and (last is None or row.received > last)
        if (sender := row.sender.lower()) not in {mailbox, "", "<>"}
        if not sender.startswith(REPORTS)
    )


def _that_went_on(rows: Rows) -> list[TraceRow]:
    return [row for row in rows if row.went_on]


def never_copied(mails: Rows, copies: Rows, patience: timedelta = COPIED_WITHIN) -> Rows:
    """Return the mails without any row of a copy, although there should be one by now."""
    begun = {row.message_id for row in copies}
    missing = (row for row in mails if row.message_id not in begun)
    return tuple(row for row in missing if now_at(MICROSOFT) - row.received > patience)


def overdue(lost: Rows, copies: Rows) -> Rows:
    """Return the lost mails whose copies are late; a single one may have been deferred once."""
    late = tuple(row for row in lost if now_at(MICROSOFT) - row.received > A_MOMENT)
    return never_copied(late, copies, TRACED_WITHIN) if len(late) < ENOUGH else late


def unanswered(answers: Rows, copies: Rows) -> tuple[TraceRow, ...]:
    """Return the mails handed over since the newest answer left; none if the newest has one."""
    handed = _that_went_on(copies)
    newest = max((answer.received for answer in answers), default=None)  # exact to a second
    later = (row for row in handed if newest is None or newest <= row.received)
    left = [row for row in later if not any(_is_about(answer, row) for answer in answers)]
    return tuple(left) if left and left[0] is handed[0] else ()


def habit(answers: Rows, copies: Rows) -> timedelta:
    """Return the longest wait of a mail for its answer; zero with fewer than three answered."""
    waits = []
    for mail in copies:
        about = (answer.received for answer in answers if _is_about(answer, mail))
        if later := [at - mail.received for at in about if at >= mail.received]:
            waits.append(min(later))
    return max(waits) if len(waits) >= 3 else timedelta(0)  # noqa: PLR2004  the docstring says it


def _is_about(row: TraceRow, mail: TraceRow) -> bool:
    return bool(mail.subject) and mail.subject.lower() in row.subject.lower()


def automatic(row: TraceRow) -> bool:
    """Return whether the subject is an automatic reply's; one of its own cannot be told apart."""
    return bool(patterns().named["automatic_reply"].match(row.subject.strip()))
