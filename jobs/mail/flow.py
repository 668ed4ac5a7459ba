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
        done = list(filter(_is_settled, rows))
        begun = takewhile(_is_begun, rows)
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


def _is_settled(row: TraceRow) -> bool:
    """Tell whether it is known what became of the mail."""
    return row.status.went_on or stopped(row)


def _is_begun(row: TraceRow) -> bool:
    """Tell whether the mail is under way, and not for too long."""
    return row.status in _UNDER_WAY and not stopped(row)


def without_copy(arrived: Sequence[TraceRow], copies: Sequence[TraceRow], mailbox: str, since: datetime | None) -> tuple[TraceRow, ...]:
    """Mails of others that arrived after the last good copy, and after ``since``, and of which no copy was delivered; newest first."""
    handed = _ids(_that_went_on(copies))
    last = max(filter(None, (_last_good(copies), since)), default=None)
    lost = (row for row in _that_went_on(arrived) if row.message_id not in handed and _of_others(row, mailbox))
    return tuple(row for row in lost if last is None or row.received > last)


def _last_good(copies: Sequence[TraceRow]) -> datetime | None:
    """Return when the last good copy was received."""
    good = MailFlow.of(copies).good
    return good.received if good else None


def _that_went_on(rows: Sequence[TraceRow]) -> list[TraceRow]:
    return [row for row in rows if row.status.went_on]


def _ids(rows: Sequence[TraceRow]) -> set[str]:
    return {row.message_id for row in rows}


def _without_row(mails: Sequence[TraceRow], copies: Sequence[TraceRow], patience: timedelta) -> tuple[TraceRow, ...]:
    """Return the mails that are older than that, and of whose copies there is no row."""
    begun = _ids(copies)
    return tuple(row for row in mails if row.message_id not in begun and now() - row.received > patience)


def never_copied(lost: Sequence[TraceRow], copies: Sequence[TraceRow]) -> tuple[TraceRow, ...]:
    """Of those the ones of which there is no row at all, though there should be one by now."""
    return _without_row(lost, copies, COPIED_WITHIN)


def overdue(lost: Sequence[TraceRow], copies: Sequence[TraceRow]) -> tuple[TraceRow, ...]:
    """Of those the ones whose copies are late, though none is missing for certain: nothing is proven till they have gone on.

    A single copy under way may have been put off by the server out there for once.
    """
    late = tuple(row for row in lost if now() - row.received > A_MOMENT)
    return _without_row(late, copies, TRACED_WITHIN) if len(late) < ENOUGH else late


def unanswered(answers: Sequence[TraceRow], copies: Sequence[TraceRow]) -> tuple[TraceRow, ...]:
    """The mails handed over since the newest answer left, if the newest of them has none; newest first."""
    handed = _that_went_on(copies)
    left = [row for row in handed if not _is_answered(row, answers)]
    return tuple(left) if left and left[0] is handed[0] else ()


def habit(answers: Sequence[TraceRow], copies: Sequence[TraceRow]) -> timedelta:
    """How long a mail of this channel waits for its answer at most; nothing is known from fewer than three."""
    waits = [min(found) for row in copies if (found := _waits(row, answers))]
    return max(waits) if len(waits) >= 3 else timedelta(0)  # noqa: PLR2004  the docstring says it


def _waits(mail: TraceRow, answers: Sequence[TraceRow]) -> list[timedelta]:
    """Return after how long each answer to a mail left."""
    return [answer.received - mail.received for answer in answers if _is_about(answer, mail) and answer.received >= mail.received]


def _of_others(row: TraceRow, mailbox: str) -> bool:
    sender = row.sender.lower()
    return sender not in {mailbox, "", "<>"} and not sender.startswith(REPORTS)


def _answers(row: TraceRow, mail: TraceRow) -> bool:
    """Whether the row answers the mail, by its subject, or is newer than it; traces tell seconds, so equal times tell nothing."""
    return row.received > mail.received or _is_about(row, mail)


def _is_answered(mail: TraceRow, answers: Sequence[TraceRow]) -> bool:
    return any(_answers(answer, mail) for answer in answers)


def _is_about(row: TraceRow, mail: TraceRow) -> bool:
    return bool(mail.subject) and mail.subject.lower() in row.subject.lower()
