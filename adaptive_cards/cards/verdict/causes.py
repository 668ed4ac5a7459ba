"""Root causes, each with what was expected, what was seen, the evidence, and the fix."""

from __future__ import annotations

from adaptive_cards import glyphs
from adaptive_cards.cards.verdict.band import sentence
from adaptive_cards.cards.verdict.evidence import in_words
from adaptive_cards.cards.verdict.rows import Budget, more, row
from adaptive_cards.cards.verdict.view import VerdictView
from adaptive_cards.components import learn_more, section
from adaptive_cards.elements import BOLD, Element, facts, rich, run
from adaptive_cards.texts import render, render_if_any, text
from adaptive_cards.views import CheckLine
from jobs.model import Text, Turn

_CAUSES_MOST = 6


def causes(view: VerdictView, room: Budget) -> list[Element]:
    if not view.causes:
        return []
    drawn = [
        _cause(view, line, whole=place < room.whole)
        for place, line in enumerate(view.causes[:_CAUSES_MOST])
    ]
    title = section("verdict.root_cause" if len(view.causes) == 1 else "verdict.root_causes")
    return [title, *drawn, *more(len(view.causes) - _CAUSES_MOST)]


def _cause(view: VerdictView, line: CheckLine, *, whole: bool) -> Element:
    mark = glyphs.OK if line.fixed else glyphs.WRONG
    details = _details(view, line) if whole else []
    return row(mark, line.row, rich(run(_title(view, line), **BOLD)), *details)


def _title(view: VerdictView, line: CheckLine) -> str:
    title = sentence(_fact(view, line) if len(view.causes) == 1 else line.title)
    return f"{title}. {render(line.fixed)}" if line.fixed else title


def _details(view: VerdictView, line: CheckLine) -> list[Element]:
    values = {
        "verdict.expected": render_if_any(line.expected),
        "verdict.seen": render_if_any(line.seen),
        "verdict.evidence": in_words(view, line),
        "verdict.remedy": "" if _is_the_button(view, line) else render_if_any(line.remedy),
    }
    told = [(text(key), value) for key, value in values.items() if value]
    return [*([facts(told, "Small")] if told else []), *learn_more(line.page)]


def _fact(view: VerdictView, cause: CheckLine) -> Text:
    """Return the wrong fact of a cause.

    A single cause is already shown in the band, and the same sentence should not appear twice.
    """
    return next((line.title for line in view.lines if line.step == cause.step), cause.title)


def _is_the_button(view: VerdictView, line: CheckLine) -> bool:
    """Return whether the card's button is the remedy of the cause, or a run has fixed the cause."""
    if line.fixed is not None:
        return True
    planned = view.fix is not None and "url" not in view.fix[1]
    return planned and view.turn is Turn.APPROVER and line == view.causes[0]
