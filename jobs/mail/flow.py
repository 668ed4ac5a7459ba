"""State of mail at one point of its path, as traces and non-delivery reports show it.

Sources: platforms/microsoft.md 2.3, platforms/connect.md 1.5.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

from jobs.causes.cause import Cause
from jobs.causes.meaning import ErrorKind
from jobs.causes.patterns import patterns
from jobs.causes.reader import read
from jobs.causes.speaker import Place
from jobs.clock import now
from jobs.mail.message_trace import Rows, TraceRow, TraceStatus
from jobs.model import Station

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
    named = (cause for cause in lasting if cause not in _BY_PLACE)
    cause = next(named, "")
    others = "of_sender" if place is Station.MAILBOX else "of_recipient"
    return "" if cause in patterns().groups[others] else cause


def unknown_recipient(words: Iterable[str]) -> bool:
    return _says("unknown_recipient", words)


def cause_of_copy(words: Sequence[str]) -> str:
    """Return why a copy failed, without a known code; a deferral counts if no line is final."""
    if unknown_recipient(words):
        return GONE
    final = list(filter(_FINAL.search, words))
    return UNANSWERED if _says("expired", final or words) else LOST


def _says(name: str, words: Iterable[str]) -> bool:
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
    def of(cls, rows: Rows) -> MailFlow:
        """Return the flow of rows, newest first; mail in transit under an hour says nothing."""
        done = [row for row in rows if row.status.went_on or stopped(row)]
        good = next((row for row in done if row.status.went_on), None)
        begun = takewhile(lambda row: row.status in _UNDER_WAY and not stopped(row), rows)
        return cls(good, tuple(takewhile(stopped, done)), tuple(begun))

    @property
    def refused(self) -> tuple[TraceRow, ...]:
        """Return the failures without spam, which a filter withheld: no fault of the path."""
        return tuple(row for row in self.failures if not withheld(row))


def stopped(row: TraceRow) -> bool:
    stuck = row.status in _UNDER_WAY and now() - row.received > STUCK_AFTER
    return stuck or row.status is TraceStatus.FAILED or withheld(row)


def withheld(row: TraceRow) -> bool:
    return row.status in _WITHHELD


def without_copy(
    arrived: Rows, copies: Rows, mailbox: str, since: datetime | None
) -> tuple[TraceRow, ...]:
    """Return others' mails without a copy, after the last copy and ``since``, newest first."""
    handed = _ids(_that_went_on(copies))
    good = MailFlow.of(copies).good
    last = max(filter(None, (good.received if good else None, since)), default=None)
    lost = [row for row in _that_went_on(arrived) if row.message_id not in handed]
    new = (row for row in lost if last is None or row.received > last)
    return tuple(row for row in new if _of_others(row, mailbox))


def _that_went_on(rows: Rows) -> list[TraceRow]:
    return [row for row in rows if row.status.went_on]


def _ids(rows: Rows) -> set[str]:
    return {row.message_id for row in rows}


def _without_row(mails: Rows, copies: Rows, patience: timedelta) -> tuple[TraceRow, ...]:
    begun = _ids(copies)
    return tuple(
        row for row in mails if row.message_id not in begun and now() - row.received > patience
    )


def never_copied(lost: Rows, copies: Rows) -> tuple[TraceRow, ...]:
    """Return the lost mails without any row of a copy, although there should be one by now."""
    return _without_row(lost, copies, COPIED_WITHIN)


def overdue(lost: Rows, copies: Rows) -> tuple[TraceRow, ...]:
    """Return the lost mails whose copies are late; a single one may have been deferred once."""
    late = tuple(row for row in lost if now() - row.received > A_MOMENT)
    return _without_row(late, copies, TRACED_WITHIN) if len(late) < ENOUGH else late


def unanswered(answers: Rows, copies: Rows) -> tuple[TraceRow, ...]:
    """Return the mails handed over since the newest answer left; none if the newest has one."""
    handed = _that_went_on(copies)
    newest = max((answer.received for answer in answers), default=None)  # exact to a second
    left = [
        row
        for row in handed
        if (newest is None or newest <= row.received)
        and not any(_is_about(answer, row) for answer in answers)
    ]
    return tuple(left) if left and left[0] is handed[0] else ()


def habit(answers: Rows, copies: Rows) -> timedelta:
    """Return the longest wait of a mail for its answer; zero with fewer than three answered."""
    waits = []
    for mail in copies:
        about = (answer.received for answer in answers if _is_about(answer, mail))
        if later := [at - mail.received for at in about if at >= mail.received]:
            waits.append(min(later))
    return max(waits) if len(waits) >= 3 else timedelta(0)  # noqa: PLR2004  the docstring says it


def _of_others(row: TraceRow, mailbox: str) -> bool:
    sender = row.sender.lower()
    return sender not in {mailbox, "", "<>"} and not sender.startswith(REPORTS)


def _is_about(row: TraceRow, mail: TraceRow) -> bool:
    return bool(mail.subject) and mail.subject.lower() in row.subject.lower()


def automatic(row: TraceRow) -> bool:
    """Return whether the subject is an automatic reply's; one of its own cannot be told apart."""
    return bool(patterns().named["automatic_reply"].match(row.subject.strip()))
