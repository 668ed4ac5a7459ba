"""Test mails that the watch sends to a channel, and how they differ from customers' mail.

A message trace shows no headers, and neither does a task of the contact center. So each of these
mails has a Message-ID and a subject of its own, besides the header for everybody who reads the mail
itself. Nothing here grants anything, so the values in Redis have no MAC.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from redis import Redis

from jobs.mail.message_trace import TraceRow
from jobs.storage import codec, keys

HEADER = "X-Webex-Email-Watch"
MARK = "[Webex email watch]"
"""Beginning of the test mails' subject, which answers, automatic replies and bounces repeat."""
NO_REPLY = ("X-Auto-Response-Suppress", "OOF, AutoReply")
"""Header with which Exchange sends no automatic reply to test mails ([MS-OXCMAIL] 2.2.3.2.14).

``Auto-Submitted`` (RFC 3834) is left out on purpose. A flow of the contact center may drop mail
with that header, and test mails must go the way of a customer's mail.
"""
_ID = "<email-watch."
KEPT = timedelta(hours=50)
"""Age at which test mails are forgotten. The message trace of a look reaches 48 hours back."""
MOST = 3


@dataclass(frozen=True, slots=True)
class WatchMail:
    """Test mail of the watch, whose sending began ``at`` a time."""

    id: str
    at: datetime
    sent: datetime | None = None  # None if it was refused, or not known: the worker died
    refused: str = ""  # the cause

    @property
    def subject(self) -> str:
        """Return the part of the subject that no other mail has."""
        return f"{MARK} {self.id}"

    def message_id(self, sender: str) -> str:
        return f"{_ID}{self.id}@{sender.rpartition('@')[2]}>"

    def has(self, row: TraceRow) -> bool:
        return row.message_id.lower().startswith(f"{_ID}{self.id}@") or self.subject in row.subject


@dataclass(frozen=True, slots=True)
class _Known:
    mails: tuple[WatchMail, ...] = ()


def new_mail(at: datetime) -> WatchMail:
    """Return a test mail with an id that nobody can guess, so that its path cannot be forged."""
    return WatchMail(secrets.token_hex(8), at)


def is_watch_mail(row: TraceRow) -> bool:
    """Return whether a row is about any test mail of the watch, or about an answer to one."""
    return row.message_id.lower().startswith(_ID) or MARK.lower() in row.subject.lower()


def without_watch_mails(rows: Iterable[TraceRow]) -> tuple[TraceRow, ...]:
    return tuple(row for row in rows if not is_watch_mail(row))


def with_proofs(rows: Iterable[TraceRow]) -> tuple[TraceRow, ...]:
    """Return the rows without test mails that have not gone on: their server may be to blame."""
    return tuple(row for row in rows if row.went_on or not is_watch_mail(row))


def claim(redis: Redis, mailbox: str, every: timedelta) -> bool:
    """Return whether a test mail may be sent now; Redis decides, so none is sent twice."""
    key = keys.watch_mail_claim(mailbox)
    return bool(redis.set(key, "1", nx=True, ex=round(every.total_seconds())))


def newest(redis: Redis, mailbox: str) -> tuple[WatchMail, ...]:
    raw = redis.get(keys.watch_mails(mailbox))
    return codec.load(raw, _Known).mails if raw is not None else ()


def save(redis: Redis, mailbox: str, mail: WatchMail) -> None:
    """Keep a test mail, or the result of its sending. Only the worker with the claim calls this."""
    others = tuple(each for each in newest(redis, mailbox) if each.id != mail.id)
    with redis.pipeline() as pipe:
        pipe.set(keys.watch_mails(mailbox), codec.dump(_Known((mail, *others)[:MOST])), ex=KEPT)
        if mail.sent is not None:
            _note(pipe, keys.watch_mails_sent(), mailbox, mail.sent)
        pipe.execute()


def note_arrival(redis: Redis, mailbox: str, at: datetime) -> None:
    _note(redis, keys.watch_mails_arrived(), mailbox, at)


def has_others(redis: Redis, noted: keys.Key, mailbox: str, since: datetime) -> bool:
    """Return whether a test mail of another channel has arrived, or was sent, since."""
    rows = redis.zrangebyscore(noted, since.timestamp(), "+inf", start=0, num=2)
    return any(row != mailbox.encode() for row in rows)


def _note(redis: Redis, key: keys.Key, mailbox: str, at: datetime) -> None:
    redis.zadd(key, {mailbox: at.timestamp()}, gt=True)
    redis.zremrangebyscore(key, "-inf", (at - KEPT).timestamp())
    redis.expire(key, KEPT)
