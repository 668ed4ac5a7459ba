"""Which mails of the mailbox nobody wrote: an automatic reply leaves without Webex Connect, and proves nothing of it."""

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
"""How Exchange begins the subject of an automatic reply, in the language of the mailbox."""


def automatic(row: TraceRow) -> bool:
    """Whether the row is an automatic reply, by its subject. One with a subject of the mailbox's own cannot be told from an answer."""
    return row.subject.strip().lower().startswith(_BEGINS)
