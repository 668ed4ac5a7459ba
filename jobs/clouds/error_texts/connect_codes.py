"""Codes of Webex Connect and their causes (facts/connect.md 1.6 and 2.4).

Many programs have numbers between 7000 and 7999. A code of Webex Connect is next to a word such as
"code", or next to its own description, and Webex Connect speaks in the text.
"""

from __future__ import annotations

import re

from jobs.clouds.causes import ErrorKind, Meaning
from jobs.clouds.late_pattern import LatePattern

_ROWS: tuple[tuple[str, ErrorKind, tuple[str, ...]], ...] = (
    ("connect_login_failed", ErrorKind.REJECTED, ("7553",)),
    ("connect_smtp_failed", ErrorKind.REJECTED, ("7554",)),
    ("webex_key_refused", ErrorKind.REJECTED, ("7001", "7002")),
    ("connect_service_inactive", ErrorKind.REJECTED, ("7007",)),
    ("connect_address_not_allowed", ErrorKind.REJECTED, ("7010",)),
    ("webex_busy", ErrorKind.TRANSIENT, ("7020",)),
    ("connect_sender_unknown", ErrorKind.REJECTED, ("7104",)),
    (
        "connect_send_failed",
        ErrorKind.REJECTED,
        ("7000", "7003", "7004", "7005", "7006", "7241", "7523", "7524", "7535", "7536"),
    ),
)
#: Code -> meaning.
CONNECT: dict[str, Meaning] = {
    code: Meaning(cause, kind) for cause, kind, codes in _ROWS for code in codes
}
CODE = LatePattern(r"(?<![\w.:/-])7\d{3}(?!\w|[.:]\d|-\d)")
"""Pattern of a Webex Connect code that is not part of an ID, an address or another number."""
OWN_WORDS = LatePattern(
    r"SMTP Authentication Failed|SMTP Failures\b|service key missing|invalid JSON|authentication failed|"
    r"transaction limit|invalid app ?id|service (?:is )?(?:not active|inactive)|unsubscribed|"
    r"invalid (?:email )?address|attachment length|source IP|allow.?list",
    re.IGNORECASE,
)
"""Pattern of the descriptions of codes, as they are in Webex Connect's table."""
BY_WORDS = {"smtp authentication failed": "7553", "smtp failures": "7554"}
"""Codes by their descriptions, for descriptions that no other program uses."""
