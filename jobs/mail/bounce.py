"""What a report of non-delivery says, and of whom (facts/microsoft.md 2.3, facts/connect.md 1.5)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from jobs.clouds.errors import first_cause
from jobs.model import Station

GONE = "connect_address_gone"
"""What it means that Webex Connect does not know the forwarding address: its email app was deleted, or is another one now."""
UNANSWERED = "connect_not_reached"
"""Exchange tried until the copy was too old: the server that it is for did not answer, or kept putting it off."""
AT_CONNECT = frozenset({GONE, UNANSWERED})
"""With these the copy has left, and is stopped at Webex Connect."""
LOST = "mail_not_delivered"
"""That it did not arrive is all that is known."""
OF_THE_SENDER = frozenset({"send_as_denied", "sender_restricted", "sending_limit_reached", "tenant_sending_blocked"})
_OF_THE_RECIPIENT = frozenset({"mailbox_full", "mailbox_internal_only", "mailbox_senders_listed"})
_NOBODY = re.compile(r"\b5\.1\.10?\b|\b5\.4\.1\b|RecipientNotFound|user unknown", re.IGNORECASE)
"""How a mail server says that it does not know an address."""
_FINAL = re.compile(r"\b5\d\d[ -][45]\.\d{1,3}\.\d{1,3}\b|(?<![\w.])5\.\d{1,3}\.\d{1,3}(?!\w|\.\d)")
_EXPIRED = re.compile(r"(?<![\w.])(?:4\.4\.(?:[127]|31\d)|5\.4\.3(?:00|1\d))(?!\w|\.\d)|message expired", re.IGNORECASE)
"""Connections that fail, and mail that grew too old in the queue (Microsoft's page on non-delivery reports, 4.4.7, 4.4.316, 5.4.300)."""


def cause_at(place: Station, words: Iterable[str]) -> str:
    """The cause that the words name, for a mail at this place of the way; empty where there is none.

    What they say of somebody else is none of the channel: a full mailbox of a customer, a colleague's limit.
    """
    cause = first_cause(words)
    others = OF_THE_SENDER if place is Station.MAILBOX else _OF_THE_RECIPIENT
    return "" if cause in others else cause


def unknown_recipient(words: Iterable[str]) -> bool:
    """Whether the server that the mail was for knows nobody of that address: it says nothing of the sender, or of what is on the way."""
    return _says(_NOBODY, words)


def cause_of_copy(words: Sequence[str]) -> str:
    """Why a copy to Webex Connect failed, where its words name no code that is known. What put it off counts only where nothing is final."""
    if unknown_recipient(words):
        return GONE
    final = list(filter(_FINAL.search, words))
    return UNANSWERED if _says(_EXPIRED, final or words) else LOST


def _says(pattern: re.Pattern[str], words: Iterable[str]) -> bool:
    return any(map(pattern.search, words))
