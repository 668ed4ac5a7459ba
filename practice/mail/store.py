"""Every mail of the practice cloud and where it is."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from email.message import EmailMessage
from typing import Any


@dataclass(frozen=True, slots=True)
class Mail:
    """One message as it was handed over."""

    message_id: str
    sender: str
    recipient: str
    subject: str
    body: str
    size: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of a message and where it is: a mailbox, Webex Connect, the internet, or why it went no further."""

    mail: Mail
    place: str
    owner: str
    note: str = ""

    def public(self) -> dict[str, Any]:
        """For the control API."""
        return {**asdict(self.mail), "at": self.mail.at.isoformat(), "place": self.place, "owner": self.owner, "note": self.note}


class MailStore:
    """All copies, oldest first."""

    def __init__(self) -> None:
        self._copies: list[Copy] = []

    def put(self, mail: Mail, place: str, owner: str, note: str = "") -> None:
        """Leave a copy somewhere."""
        self._copies.append(Copy(mail, place, owner, note))

    def replace(self, copies: Iterable[Copy]) -> None:
        """Have these copies and no others."""
        self._copies = list(copies)

    def all(self) -> tuple[Copy, ...]:
        """Every copy."""
        return tuple(self._copies)


def parse(raw: bytes, sender: str, recipient: str, at: datetime) -> tuple[Mail, EmailMessage]:
    """Read a message from the wire."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)  # noqa: S101 - what this policy makes
    body = message.get_body(("plain", "html"))
    text = body.get_content() if body else ""
    number = str(message["Message-ID"] or f"<{at.timestamp()}@practice.example>").strip()
    return Mail(number, sender, recipient, str(message["Subject"] or ""), text, len(raw), at), message
