"""What the cards say that can be passed on: whom they were to go to in vain, and whether anything of it is news."""

from __future__ import annotations

from adaptive_cards.views import Asked
from jobs.model import Words
from jobs.run import Run


def asked_in_vain(run: Run, question: str) -> Asked | None:
    """The last address that was typed, and why nothing was sent there; None once somebody was asked."""
    problem = run.problems.get(question)
    return Asked(problem.code, Words(f"typed.{problem.cause}")) if problem else None


def turn(run: Run, *questions: str) -> str:
    """Differs as soon as one of these questions has met another problem: that must not wait."""
    return "ask" + "".join(run.problems[question].at.isoformat() for question in questions if question in run.problems)
