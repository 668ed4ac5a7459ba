"""How a card tells what a cloud has said: whole, with the ids that its support asks for."""

from __future__ import annotations

from jobs.microsoft.errors import with_ids
from jobs.model import Finding

IDS = frozenset({"request-id", "client-request-id", "correlation-id", "trace-id"})


def code_of(finding: Finding | None) -> str:
    """The cloud's words with their ids, empty without any. What is tried again by itself has new ids each time: no card is edited for those."""
    if finding is None or not finding.evidence:
        return ""
    words, *more = finding.evidence
    return with_ids(words.text, ((item.kind, item.text) for item in more if item.kind in IDS and finding.until is None))
