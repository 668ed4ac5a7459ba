"""What an SMTP reply means (facts 4.1)."""

from __future__ import annotations

import re

from jobs.microsoft.answers import said
from jobs.microsoft.causes import SMTP_PHRASES, Kind, Meaning

_ENHANCED = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")
_TOKEN_REFUSED = Meaning("smtp_token_refused", Kind.SIGN_IN_NEEDED)
_BUSY = Meaning("smtp_busy", Kind.TRANSIENT)
_SCOPE = Meaning("scope_wrong", Kind.REJECTED)
_REFUSED = Meaning("smtp_refused", Kind.REJECTED)
_PERMANENT = 500
_AUTHENTICATION_FAILED = 535


def meaning_of(status: int, text: str, challenge_status: str = "") -> Meaning:
    """The meaning of a reply that is not good news.

    ``challenge_status`` is the ``status`` in the JSON of a 334 error challenge. Only it tells a provider that is down (5xx)
    and a token without the scope (403) from a token that is refused (facts parts.md E); Exchange sends none.
    """
    if challenge_status.startswith("5"):
        return _BUSY
    if challenge_status == "403":
        return _SCOPE
    known = said(SMTP_PHRASES, f"{status} {text}")
    if known:
        return known
    if status < _PERMANENT:
        return _BUSY
    return _TOKEN_REFUSED if status == _AUTHENTICATION_FAILED else _REFUSED


def enhanced_code(text: str) -> str:
    """The enhanced status code in a reply (``5.7.139``), or nothing."""
    found = _ENHANCED.search(text)
    return found[0] if found else ""
