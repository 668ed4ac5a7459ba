"""What the card of ``/audit`` needs to know."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from jobs.model import Words


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One entry of the audit trail: when, what, by whom, about which mailbox and run, and its number."""

    at: datetime
    what: Words
    by: str
    mailbox: str = ""
    run: str = ""
    entry: int = 0


@dataclass(frozen=True, slots=True)
class AuditView:
    """What somebody may see of the audit trail, newest first; ``count`` entries, ``filed`` of them in the file called ``name``.

    ``mailbox`` is empty for a whole space; ``broken_at`` is the first entry that was tampered with, 0 where the trail is whole.
    """

    mailbox: str
    at: datetime
    lines: tuple[AuditLine, ...]
    count: int
    filed: int
    name: str
    broken_at: int = 0
