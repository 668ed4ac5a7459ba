"""Meaning of non-delivery reports, and who they are about.

Sources: platforms/microsoft.md 2.3, platforms/connect.md 1.5.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from jobs.causes.cause import Cause
from jobs.causes.patterns import patterns
from jobs.causes.reader import read
from jobs.causes.speaker import Place
from jobs.model import Station

GONE = Cause.CONNECT_ADDRESS_GONE
"""Cause if the forwarding address has no email app, or a different one now."""
UNANSWERED = Cause.CONNECT_NOT_REACHED
"""Cause if the destination server did not answer, or kept deferring, until the copy was old."""
AT_CONNECT = frozenset({GONE, UNANSWERED})
"""Causes with which the copy left Exchange and is stopped at Webex Connect."""
LOST = Cause.MAIL_NOT_DELIVERED
"""Cause if it is known only that the mail did not arrive."""
OF_THE_SENDER = frozenset(
    {
        Cause.DOMAIN_NOT_REGISTERED,
        Cause.SEND_AS_DENIED,
        Cause.SENDER_RESTRICTED,
        Cause.SENDING_LIMIT_REACHED,
        Cause.SENDS_AS_ONMICROSOFT,
        Cause.TENANT_SENDING_BLOCKED,
    }
)
_OF_THE_RECIPIENT = frozenset(
    {Cause.MAILBOX_FULL, Cause.MAILBOX_INTERNAL_ONLY, Cause.MAILBOX_SENDERS_LISTED}
)
_BY_PLACE = frozenset({GONE, UNANSWERED, LOST, Cause.MAILBOX_NOT_FOUND})
"""Causes for which a mail's place on its way counts, and not the words of a trace."""
_FINAL = re.compile(r"\b5\d\d[ -][45]\.\d{1,3}\.\d{1,3}\b|(?<![\w.])5\.\d{1,3}\.\d{1,3}(?!\w|\.\d)")


def cause_at(place: Station, words: Iterable[str]) -> str:
    """Return the cause in a bounce, for a mail at this point of its path; empty if none is named.

    Causes that concern others are ignored, for example a customer's full mailbox or a colleague's
    limit. Deferrals do not count, because they pass.
    """
    cause = next(
        (
            each.cause
            for line in words
            for each in read(line, Place.EXCHANGE).certain
            if not each.passes and each.cause not in _BY_PLACE
        ),
        "",
    )
    others = OF_THE_SENDER if place is Station.MAILBOX else _OF_THE_RECIPIENT
    return "" if cause in others else cause


def unknown_recipient(words: Iterable[str]) -> bool:
    """Return whether the address is unknown, which says nothing about sender and path."""
    return _says("unknown_recipient", words)


def cause_of_copy(words: Sequence[str]) -> str:
    """Return why a copy failed, without a known code; a deferral counts if no line is final."""
    if unknown_recipient(words):
        return GONE
    final = list(filter(_FINAL.search, words))
    return UNANSWERED if _says("expired", final or words) else LOST


def _says(name: str, words: Iterable[str]) -> bool:
    return any(map(patterns().named[name].search, words))
