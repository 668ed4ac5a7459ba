"""What the card of the test mail needs to know; beside :mod:`adaptive_cards.views`, which is long enough."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adaptive_cards.views import Header
from jobs.model import Turn, Words


@dataclass(frozen=True, slots=True)
class TestMailView:
    """V1 to V3. ``subject`` is unique; ``sent_by_bot`` is false where a person is asked to send it; each time is when it was seen.

    ``problem`` is what keeps the mail, or with ``of_answer`` the answer, and ``turn`` whose it is; ``late`` says that nothing else is known;
    ``over`` that the run has come to its end.
    """

    header: Header
    subject: str
    sent_by_bot: bool
    sent_at: datetime | None = None
    arrived_at: datetime | None = None
    forwarded_at: datetime | None = None
    agent_at: datetime | None = None
    problem: Words | None = None
    problem_code: str = ""
    remedy: Words | None = None
    turn: Turn = Turn.ADMINISTRATOR
    late: bool = False
    of_answer: bool = False
    answered_at: datetime | None = None
    over: bool = False
