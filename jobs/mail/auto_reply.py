"""Recognition of automatic replies in the mailbox's mail.

An automatic reply leaves without Webex Connect, so it says nothing about Webex Connect.
"""

from __future__ import annotations

from jobs.mail.message_trace import TraceRow

_BEGINS = (
    "automatic reply",
    "automatische antwort",
    "automatisch antwoord",
    "réponse automatique",
    "respuesta automática",
    "resposta automática",
    "risposta automatica",
    "automatyczna odpowiedź",
    "automatiskt svar",
    "automatisk svar",
    "autosvar",
    "自動応答",
    "自动答复",
    "自動回覆",
    "out of office",
)
"""Prefixes of the subject of Exchange's automatic replies, in several mailbox languages."""


def automatic(row: TraceRow) -> bool:
    """Return whether the subject is an automatic reply's; a custom one looks like an answer."""
    return row.subject.strip().lower().startswith(_BEGINS)
