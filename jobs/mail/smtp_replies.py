"""Meaning of SMTP replies (facts 4.1)."""

from __future__ import annotations

import re

from jobs.causes.cause import Cause
from jobs.causes.meaning import ErrorKind, Meaning
from jobs.causes.reader import meaning_of_reply

_ENHANCED = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")
_TOKEN_REFUSED = Meaning(Cause.SMTP_TOKEN_REFUSED, ErrorKind.SIGN_IN_NEEDED)
_BUSY = Meaning(Cause.SMTP_BUSY, ErrorKind.TRANSIENT)
_SCOPE = Meaning(Cause.SCOPE_WRONG, ErrorKind.REJECTED)
_REFUSED = Meaning(Cause.SMTP_REFUSED, ErrorKind.REJECTED)
_NO_LOGIN = Meaning(Cause.SMTP_NOT_AUTHENTICATED, ErrorKind.REJECTED)
_PERMANENT = 500


def meaning_of(status: int, text: str, challenge_status: str = "") -> Meaning:
    """Return the meaning of a reply that is not a success.

    ``challenge_status`` is the ``status`` in the JSON of a 334 error challenge, which Exchange does
    not send. It distinguishes a provider that is down (5xx) and a token without the scope (403)
    from a refused token, if the text does not.
    """
    said = meaning_of_reply(str(status), _once(text), enhanced_code(text))
    known = said[0] if said else None
    if known is not None and known != _TOKEN_REFUSED:
        return known
    return _by_challenge(challenge_status) or known or _by_code(status)


def _by_challenge(status: str) -> Meaning | None:
    if status.startswith("5"):
        return _BUSY
    return _SCOPE if status == "403" else None


def _by_code(status: int) -> Meaning:
    if status < _PERMANENT:
        return _BUSY
    return {530: _NO_LOGIN, 535: _TOKEN_REFUSED}.get(status, _REFUSED)


def _once(text: str) -> str:
    """Return a multi-line reply's text with the code once, which each line repeats."""
    code = enhanced_code(text)
    if not code:
        return text
    first, _, rest = text.partition(code)
    return first + code + re.sub(rf"\s*{re.escape(code)}(?![\d.])", "", rest)


def enhanced_code(text: str) -> str:
    """Return the enhanced status code in a reply (``5.7.139``), or an empty string."""
    found = _ENHANCED.search(text)
    return found[0] if found else ""
