"""The card that ends an undo."""

from __future__ import annotations

from adaptive_cards import undone as draw
from adaptive_cards.cards.undo import UndoneView
from adaptive_cards.views import Header
from bot.cards.delivery import DesiredCard, desired_card
from bot.cards.presenters.plan import LEFT
from bot.services import Services
from jobs.model import Finding, RunKind, State, Text
from jobs.runs.run import Kind, Run
from jobs.steps import steps_of


def cards(run: Run, services: Services) -> list[DesiredCard]:
    """Once an undo has come to its end, and only then."""
    if run.kind is not RunKind.UNDO or run.ended is not Kind.FINISHED:
        return []
    found = view(run)
    return [desired_card("undone", found, draw(found), final=True)]


def view(run: Run) -> UndoneView:
    """Every change of the channel's runs, and what became of it."""
    steps = steps_of(run)
    lines = [(steps[name].article_row, run.findings[name]) for name in steps]
    approval = next(iter(run.approvals.values()), None)
    app = run.past.get("application")
    return UndoneView(
        header=Header(run.id, run.channel.mailbox, 7, run.kind),
        at=run.ended_at or run.opened,
        started=run.opened,
        back=tuple(_line(row, finding) for row, finding in lines if finding.state is State.OK),
        left=tuple(_line(row, finding) for row, finding in lines if finding.state in LEFT),
        approved_by=approval.by if approval else "",
        binned=app is not None and not app.values_before["object_id"] and run.findings["application"].state is State.OK,
    )


def _line(row: str, finding: Finding) -> tuple[str, Text, Text]:
    return row, Text(f"step.{finding.step}"), finding.seen or Text("seen.undo_removed")
