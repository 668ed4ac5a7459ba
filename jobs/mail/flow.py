"""The mails at one place of the way, read from a message trace: which went on, which failed, which never came by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

from jobs.clock import now
from jobs.mail.message_trace import TraceRow, TraceStatus

STUCK_AFTER = timedelta(hours=1)
"""A mail that is under way for so long is not delivered."""
COPIED_WITHIN = timedelta(minutes=30)
"""So long a copy may take, and the trace may be behind (facts/microsoft.md 2.5)."""
TRACED_WITHIN = timedelta(minutes=5)
"""So long one mail's copy may be behind it without a word."""
A_MOMENT = timedelta(minutes=1)
"""So long the copies of several may."""
ENOUGH = 2
"""So many mails in a row are no accident."""
LARGEST = 25 * 1024 * 1024
"""Above this Webex Connect gives a mail back to its sender, in bytes (facts/connect.md 1.7)."""
REPORTS = ("postmaster@", "microsoftexchange", "mailer-daemon@")
"""How the senders of delivery reports begin: a mailbox does not forward these."""
_WITHHELD = frozenset({TraceStatus.QUARANTINED, TraceStatus.FILTERED_AS_SPAM})
_UNDER_WAY = frozenset({TraceStatus.PENDING, TraceStatus.GETTING_STATUS})


@dataclass(frozen=True, slots=True)
class MailFlow:
    """A failure counts only while nothing newer has gone through; ``failures`` are the newest first.

    ``begun`` are those that are under way, newer than any other, and for less than an hour.
    """

    good: TraceRow | None
    failures: tuple[TraceRow, ...]
    begun: tuple[TraceRow, ...] = ()

    @classmethod
    def of(cls, rows: Sequence[TraceRow]) -> MailFlow:
        """From the rows of a trace, newest first; what is under way for less than an hour says nothing yet."""
        done = [row for row in rows if row.status.went_on or stopped(row)]
        begun = takewhile(lambda row: row.status in _UNDER_WAY and not stopped(row), rows)
        return cls(next((row for row in done if row.status.went_on), None), tuple(takewhile(stopped, done)), tuple(begun))

    @property
    def refused(self) -> tuple[TraceRow, ...]:
        """The failures without what a filter withholds from one mail: spam is no fault of the way."""
        return tuple(row for row in self.failures if not withheld(row))


def stopped(row: TraceRow) -> bool:
    """Whether the mail did not go on, and will not by itself."""
    stuck = row.status in _UNDER_WAY and now() - row.received > STUCK_AFTER
    return stuck or row.status is TraceStatus.FAILED or withheld(row)


def withheld(row: TraceRow) -> bool:
    """Whether a filter took it for spam or worse."""
    return row.status in _WITHHELD


def without_copy(arrived: Sequence[TraceRow], copies: Sequence[TraceRow], mailbox: str, since: datetime | None) -> tuple[TraceRow, ...]:
    """Mails of others that arrived after the last good copy, and after ``since``, and of which no copy was delivered; newest first."""
    good = MailFlow.of(copies).good
    handed = {row.message_id for row in copies if row.status.went_on}
    return tuple(
        row
        for row in arrived
        if row.status.went_on
        and row.message_id not in handed
        and _of_others(row, mailbox)
        and (good is None or row.received > good.received)
        and (since is None or row.received > since)
    )


def never_copied(lost: Sequence[TraceRow], copies: Sequence[TraceRow]) -> tuple[TraceRow, ...]:
    """Of those the ones of which there is no row at all, though there should be one by now."""
    begun = {row.message_id for row in copies}
    return tuple(row for row in lost if row.message_id not in begun and now() - row.received > COPIED_WITHIN)


def overdue(lost: Sequence[TraceRow], copies: Sequence[TraceRow]) -> tuple[TraceRow, ...]:
    """Of those the ones whose copies are late, though none is missing for certain: nothing is proven till they have gone on.

    A single copy under way may have been put off by the server out there for once.
    """
    late = tuple(row for row in lost if now() - row.received > A_MOMENT)
    single = len(late) < ENOUGH
    ids = {row.message_id for row in copies}
    return tuple(row for row in late if now() - row.received > TRACED_WITHIN and row.message_id not in ids) if single else late


def unanswered(answers: Sequence[TraceRow], copies: Sequence[TraceRow]) -> tuple[TraceRow, ...]:
    """The mails handed over since the newest answer left, if the newest of them has none; newest first."""
    handed = [row for row in copies if row.status.went_on]
    left = [row for row in handed if not any(_answers(answer, row) for answer in answers)]
    return tuple(left) if left and left[0] is handed[0] else ()


def habit(answers: Sequence[TraceRow], copies: Sequence[TraceRow]) -> timedelta:
    """How long a mail of this channel waits for its answer at most; nothing is known from fewer than three."""
    waits = [
        min(answer.received - row.received for answer in found)
        for row in copies
        if (found := [answer for answer in answers if _is_about(answer, row) and answer.received >= row.received])
    ]
    return max(waits) if len(waits) >= 3 else timedelta(0)  # noqa: PLR2004  the docstring says it


def _of_others(row: TraceRow, mailbox: str) -> bool:
    sender = row.sender.lower()
    return sender not in {mailbox, "", "<>"} and not sender.startswith(REPORTS)


def _answers(row: TraceRow, mail: TraceRow) -> bool:
    """Whether the row answers the mail, by its subject, or is newer than it; traces tell seconds, so equal times tell nothing."""
    return row.received > mail.received or _is_about(row, mail)


def _is_about(row: TraceRow, mail: TraceRow) -> bool:
    return bool(mail.subject) and mail.subject.lower() in row.subject.lower()
