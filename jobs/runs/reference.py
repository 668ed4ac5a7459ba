"""Names that people read aloud: the id of a run, and the reference of an event.

A card, the log and the audit trail use the same reference for the same event.
"""

from __future__ import annotations

import secrets

LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_id() -> str:
    """Return a short ID that can be read aloud."""
    return "".join(secrets.choice(LETTERS) for _ in range(6))


def new_reference() -> str:
    """Return ``REF-`` and six hexadecimal digits, such as ``REF-3F9A1C``."""
    return f"REF-{secrets.token_hex(3).upper()}"
