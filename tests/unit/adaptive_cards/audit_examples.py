"""Examples of the audit trail's card, in every state and with realistic contents."""

from __future__ import annotations

from datetime import UTC, datetime

import adaptive_cards as cards
from bot.cards.presenters.audit import audit
from jobs.runs.audit import AuditEntry
from tests.unit.adaptive_cards.examples import HOSTILE

AT = datetime(2026, 11, 25, 14, 5, tzinfo=UTC)
MAILBOX, RUN = "support@contoso.com", "7Q4K2M"
NAME = "audit-support-at-contoso.com-20261125-1405Z.jsonl"
WHAT = {
    "step": "smtp_auth",
    "kind": "setup",
    "changes": [{}, {}, {}],
    "data": {"scope": "mailbox", "question": "registered", "cause": "no"},
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
    entries = [_entry(kind, 90 + number) for number, kind in enumerate(kinds)][::-1]
    earlier = [_entry("opened", 1)]
    hostile = {"at": AT.isoformat(), "what": "opened", "n": 0, "kind": HOSTILE}
    hostile |= {"by": HOSTILE, "mailbox": HOSTILE, "run": HOSTILE}
    few = {"filed": 41, "name": NAME}
    return {
        "audit": audit(MAILBOX, AT, earlier * 32 + entries, **few),
        "audit-space": audit("", AT, earlier * 29_991 + entries, filed=20_000, name=NAME),
        "audit-one": audit("", AT, entries[-1:], filed=1, name=NAME),
        "audit-none": audit("", AT, [], filed=0, name=NAME),
        "audit-broken": audit(MAILBOX, AT, earlier * 32 + entries, **few, broken_at=17),
        "hostile-audit": audit(HOSTILE, AT, [hostile] * 12, filed=12, name=HOSTILE),
    }


def _entry(kind: str, number: int) -> AuditEntry:
    about = {"mailbox": MAILBOX, "run": RUN} if kind != "refused" else {}
    told = {"at": AT.isoformat(), "what": kind, "by": "anna@contoso.com", "n": number}
    return WHAT | about | told
