"""Presenter of the card that ends an undo."""

from __future__ import annotations

from adaptive_cards import undone as draw
from adaptive_cards.cards.done import UndoneView
from adaptive_cards.views import Header
from bot.cards.presenters._common import approver, ended_at, is_ok
from bot.cards.presenters.card_state import DesiredCard, desired_card
from bot.cards.presenters.plan import LEFT
from bot.services import Services
from jobs.model import Finding, RunKind, State, Text
from jobs.runs.run import Kind, Run
from jobs.steps import steps_of


def cards(run: Run, services: Services) -> list[DesiredCard]:
    if run.kind is not RunKind.UNDO or run.ended is not Kind.FINISHED:
        return []
    found = view(run)
    return [desired_card("undone", found, draw(found), final=True)]


def view(run: Run) -> UndoneView:
    return UndoneView(
        header=Header(run.id, run.channel.mailbox, 7, run.kind),
        at=ended_at(run),
        started=run.opened,
        restored=_lines(run, frozenset({State.OK})),
        left_alone=_lines(run, LEFT),
        approved_by=approver(run),
        binned=_is_app_deleted(run),
        undoes=run.undoes,
    )


def _is_app_deleted(run: Run) -> bool:
    app = run.past.get("application")
    return (
        app is not None
        and not app.values_before["object_id"]
        and is_ok(run.findings, "application")
    )


def _lines(run: Run, states: frozenset[State]) -> tuple[tuple[str, Text, Text], ...]:
    steps = steps_of(run).items()
    return tuple(
        _undo_line(step.article_row, run.findings[name])
        for name, step in steps
        if run.findings[name].state in states
    )


def _undo_line(row: str, finding: Finding) -> tuple[str, Text, Text]:
    return row, Text(f"step.{finding.step}"), finding.seen or Text("seen.undo_removed")
