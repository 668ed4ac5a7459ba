"""Store of every mail of the practice cloud and its place."""

import email
import email.policy
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from email.message import EmailMessage
from typing import Any


@dataclass(frozen=True, slots=True)
class Mail:
    """Mail as it was submitted."""

    message_id: str
    sender: str
    recipient: str
    subject: str
    body: str
    size: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Copy:
    """Copy of a mail with its place.

    The place is a mailbox, Webex Connect, the internet, or the reason that the mail was stopped.
    """

    mail: Mail
    place: str
    owner: str
    note: str = ""

    def public(self) -> dict[str, Any]:
        """Return the copy for the control API."""
        return {
            **asdict(self.mail),
            "at": self.mail.at.isoformat(),
            "place": self.place,
            "owner": self.owner,
            "note": self.note,
        }


class MailStore:
    """Store of all copies of mails, oldest first."""

    def __init__(self) -> None:
        self._copies: list[Copy] = []

    def put(self, mail: Mail, place: str, owner: str, note: str = "") -> None:
        """Store a copy of a mail at a place."""
        self._copies.append(Copy(mail, place, owner, note))

    def replace(self, copies: Iterable[Copy]) -> None:
        """Replace all copies of mails with these copies."""
        self._copies = list(copies)

    def all(self) -> tuple[Copy, ...]:
        """Return every copy of every mail."""
        return tuple(self._copies)


def parse(raw: bytes, sender: str, recipient: str, at: datetime) -> tuple[Mail, EmailMessage]:
    """Return the mail that the raw bytes contain, and the parsed message."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)  # noqa: S101 - this policy makes EmailMessage objects
    body = message.get_body(("plain", "html"))
    text = body.get_content() if body else ""
    number = str(message["Message-ID"] or f"<{at.timestamp()}@practice.example>").strip()
    return Mail(
        number, sender, recipient, str(message["Subject"] or ""), text, len(raw), at
    ), message
