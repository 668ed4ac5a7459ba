"""What an incident has done, as far as it is known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Damage:
    """How many mails did not reach an agent, since the first of them; ``kept`` where all of them are known to lie in the mailbox."""

    mails: int
    since: datetime
    kept: bool = False
