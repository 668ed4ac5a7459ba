"""How a card tells what a cloud has said: whole, with the ids that its support asks for."""

from __future__ import annotations

from adaptive_cards.texts import has_text, remedy_within
from adaptive_cards.views import Asked
from jobs.clouds.errors import with_ids
from jobs.model import Finding, Text
from jobs.runs.run import Run

IDS = frozenset({"request-id", "client-request-id", "correlation-id", "trace-id"})


def remedy_of(finding: Finding | None) -> Text | None:
    """What to do about it within the run, where that is known."""
    key = remedy_within(finding.cause) if finding else ""
    return Text(key) if has_text(key) else None


def code_of(finding: Finding | None) -> str:
    """The cloud's words with their ids, empty without any. What is tried again by itself has new ids each time: no card is edited for those."""
    if finding is None or not finding.evidence:
        return ""
    words, *more = finding.evidence
    return with_ids(words.text, ((item.kind, item.text) for item in more if item.kind in IDS and finding.until is None))


def unreachable_recipient(run: Run, question: str) -> Asked | None:
    """The last address that was typed, and why nothing was sent there; None once somebody was asked."""
    problem = run.problems.get(question)
    return Asked(problem.code, Text(f"typed.{problem.cause}")) if problem else None


def turn(run: Run, *questions: str) -> str:
    """Differs as soon as one of these questions has met another problem: that must not wait."""
    return "ask" + "".join(run.problems[question].at.isoformat() for question in questions if question in run.problems)
