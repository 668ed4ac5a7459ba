"""What a report of non-delivery says of its recipient (facts/microsoft.md 2.3, facts/connect.md 1.5)."""

from __future__ import annotations

import re
from collections.abc import Iterable

GONE = "connect_address_gone"
"""What it means that Webex Connect does not know the forwarding address: its email app was deleted, or is another one now."""
LOST = "mail_not_delivered"
"""That it did not arrive is all that is known."""
_NOBODY = re.compile(r"\b5\.1\.10?\b|\b5\.4\.1\b|RecipientNotFound|user unknown", re.IGNORECASE)
"""How a mail server says that it does not know an address."""


def unknown_recipient(words: Iterable[str]) -> bool:
    """Whether the server that the mail was for knows nobody of that address: it says nothing of the sender, or of what is on the way."""
    return any(_NOBODY.search(line) for line in words)


def cause_of_copy(words: Iterable[str]) -> str:
    """Why a copy to Webex Connect failed, where its words name no code that is known."""
    return GONE if unknown_recipient(words) else LOST
