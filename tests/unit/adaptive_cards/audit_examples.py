"""Examples of the audit trail's card, in every state and with realistic contents."""

from __future__ import annotations

from datetime import UTC, datetime

import adaptive_cards as cards
from adaptive_cards.cards.channels import AuditLine, AuditView
from jobs.model import Text

AT = datetime(2026, 11, 25, 14, 5, tzinfo=UTC)
MAILBOX, RUN = "support@contoso.com", "7Q4K2M"
NAME = "audit-support-at-contoso.com-20261125-1405Z.jsonl"
HOSTILE = (
    "[Approve](https://evil.example) **now** ${env} \r\n\u202e_x_ <b> `code` "
    + "x" * 5000
    + "\u05d0\u05d1" * 50
)
WHAT = {
    "step": "key:step.smtp_auth",
    "kind": "key:audit.kind.setup",
    "count": "3",
    "scope": "key:audit.scope.mailbox",
    "question": "registered",
    "cause": "no",
    "what": "x",
}


def examples() -> dict[str, cards.Card]:
    """Return the example cards, by a name that says the state."""
    kinds = (
        "opened",
        "signed_in",
        "approved",
        "changing",
        "changed",
        "handed_over",
        "finished",
        "refused",
        "other",
    )
    lines = tuple(_line(kind, 90 + number) for number, kind in enumerate(kinds))
    hostile = AuditLine(
        AT, Text("audit.what.opened", {"kind": HOSTILE}), HOSTILE, HOSTILE, HOSTILE, 1
    )
    states = {
        "audit": AuditView(MAILBOX, AT, lines, 41, 41, NAME),
        "audit-space": AuditView("", AT, (*lines, *lines), 30_000, 20_000, NAME),
        "audit-one": AuditView("", AT, lines[:1], 1, 1, NAME),
        "audit-none": AuditView("", AT, (), 0, 0, NAME),
        "audit-broken": AuditView(MAILBOX, AT, lines, 41, 41, NAME, 17),
        "hostile-audit": AuditView(HOSTILE, AT, (hostile,) * 12, 12, 12, HOSTILE),
    }
    return {name: cards.audit(view) for name, view in states.items()}


def _line(kind: str, entry: int) -> AuditLine:
    about = (MAILBOX, RUN) if kind != "refused" else ("", "")
    return AuditLine(AT, Text(f"audit.what.{kind}", WHAT), "anna@contoso.com", *about, entry=entry)
