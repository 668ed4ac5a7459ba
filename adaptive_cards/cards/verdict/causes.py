"""Root causes, each with what was expected, what was seen, the evidence, and the fix."""

from __future__ import annotations

from dataclasses import replace

from adaptive_cards import glyphs
from adaptive_cards.cards.verdict.band import sentence
from adaptive_cards.cards.verdict.rows import Budget, more, row
from adaptive_cards.cards.verdict.view import VerdictView
from adaptive_cards.components import section
from adaptive_cards.elements import BOLD, SMALL, Element, facts, link, rich, run
from adaptive_cards.escape import plain, shorten
from adaptive_cards.texts import has_text, render_if_any, text
from adaptive_cards.views import CheckLine
from jobs.model import Evidence, Text

_CAUSES_MOST = 6
_EVIDENCE_MOST = 4
_TRANSCRIPT = "transcript"
_TRANSCRIPT_MOST = 2
_KIND_MOST = 24


def causes(view: VerdictView, room: Budget) -> list[Element]:
    """Return all causes by name, the first ones with their facts."""
    if not view.causes:
        return []
    drawn = [
        _cause(view, line, whole=place < room.whole)
        for place, line in enumerate(view.causes[:_CAUSES_MOST])
    ]
    title = section("verdict.root_cause" if len(view.causes) == 1 else "verdict.root_causes")
    return [title, *drawn, *more(len(view.causes) - _CAUSES_MOST)]


def evidence_of(line: CheckLine) -> str:
    """Return the evidence that a skeptic can look up, in one line.

    What was already shown as seen is left out. Only the end of a transcript is used, because a
    space does not get a whole one.
    """
    seen = render_if_any(line.seen)
    items = [item for item in line.evidence if item.text and item.text not in seen]
    replies = [item for item in items if item.kind != _TRANSCRIPT][:_EVIDENCE_MOST]
    return "; ".join(map(_evidence, replies or items[-_TRANSCRIPT_MOST:]))


def _evidence(item: Evidence) -> str:
    key = f"evidence.{item.kind}"
    kind = text(key) if has_text(key) else shorten(plain(item.kind), _KIND_MOST)
    return text("verdict.evidence_line", kind=kind, text=item.text.removesuffix("."))


def _cause(view: VerdictView, line: CheckLine, *, whole: bool) -> Element:
    title = sentence(_fact(view, line) if len(view.causes) == 1 else line.title)
    told = _cause_facts(view, line) if whole else []
    page = [link("link.learn_more", line.page, **SMALL)] if whole and line.page else []
    return row(
        glyphs.WRONG,
        line.row,
        rich(run(title, **BOLD)),
        *([facts(told, "Small")] if told else []),
        *page,
    )


def _fact(view: VerdictView, cause: CheckLine) -> Text:
    """Return the fact that is wrong.

    A single cause is already shown in the band, and the same sentence should not appear twice.
    """
    same = (
        line.title
        for line in view.lines
        if (line.row, line.seen, line.evidence) == (cause.row, cause.seen, cause.evidence)
    )
    return next(same, cause.title)


def _proof(view: VerdictView, cause: CheckLine) -> str:
    """Return the cause's own evidence, or that of the first finding that it explains.

    A setting has no error text, but the mail that it stopped has one.
    """
    explained = (
        replace(line, seen=cause.seen) for line in view.symptoms if line.explained_by == cause.row
    )
    return next(filter(None, map(evidence_of, (cause, *explained))), "")


def _cause_facts(view: VerdictView, line: CheckLine) -> list[tuple[str, str]]:
    values = {
        "verdict.expected": render_if_any(line.expected),
        "verdict.seen": render_if_any(line.seen),
        "verdict.evidence": _proof(view, line),
        "verdict.remedy": render_if_any(line.remedy),
    }
    return [(text(key), value) for key, value in values.items() if value]
