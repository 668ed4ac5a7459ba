"""The reference by which a card, the log and the audit trail speak of the same event."""

from __future__ import annotations

import secrets


def new_reference() -> str:
    """``REF-`` and six hexadecimal digits, such as ``REF-3F9A1C``."""
    return f"REF-{secrets.token_hex(3).upper()}"
