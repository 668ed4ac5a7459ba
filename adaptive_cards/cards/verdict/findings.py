"""Lists of all findings of a check, by the access they needed, and equivalent manual commands."""

from __future__ import annotations

import itertools

from adaptive_cards import glyphs
from adaptive_cards.actions import submit
from adaptive_cards.cards.verdict.causes import details, of_finding
from adaptive_cards.cards.verdict.rows import EXPLAINED, Budget, Detail, label, more
from adaptive_cards.cards.verdict.view import VerdictView
from adaptive_cards.components import section, titled
from adaptive_cards.elements import SMALL, Element, facts, literal, own, rich, run
from adaptive_cards.escape import clip
from adaptive_cards.texts import plural, render, text, with_counts
from adaptive_cards.views import CheckLine
from jobs.model import Access, State

_LINES_MOST = 40
_WHY_MOST = 200
DAYS = ("7", "30", "90")
"""Days for which a finding can be accepted."""
_WRITTEN_SIGNS = 400
"""Maximum number of characters of one piece of evidence as a service wrote it."""
_LEFT_OUT = {State.SKIPPED, State.UNKNOWN}


def findings(view: VerdictView, room: Budget) -> list[Element]:
    drawn = [
        literal(clip(line, _WRITTEN_SIGNS), size="Small", spacing="Small")
        for line in itertools.islice(details(view), room.written)
    ]
    written = titled("verdict.as_written", drawn)
    counts = {
        "verdict.count.causes": len(view.causes),
        "verdict.count.symptoms": len(view.symptoms),
        "verdict.count.warnings": len(view.warnings),
        "verdict.count.possible": len(view.possible),
        "verdict.count.ok": sum(line.state is State.OK for line in view.lines),
        "verdict.count.skipped": sum(line.state in _LEFT_OUT for line in view.lines),
    }
    key = "verdict.sum_skipped" if counts["verdict.count.skipped"] else "verdict.sum"
    summary = text(key, counts=", ".join(with_counts(counts)))
    return [rich(run(summary, **SMALL)), *written, *found(view, room)]


def accepting(view: VerdictView) -> tuple[list[Element], list[Element]]:
    """Return the fields and the button with which an approver accepts the first cause."""
    if not view.accepts:
        return [], []
    reason = {"type": "Input.Text", "id": "why", "maxLength": _WHY_MOST}
    days = {
        "type": "Input.ChoiceSet",
        "id": "days",
        "label": text("verdict.accept_days"),
        "style": "compact",
        "isMultiSelect": False,
        "value": DAYS[0],
        "choices": [{"title": plural("verdict.days", int(n)), "value": n} for n in DAYS],
    }
    fields = [section("verdict.accept"), reason | {"label": text("verdict.accept_why")}, days]
    title, cause = text("verdict.accept_button"), view.accepts
    return fields, [submit(title, "accept", reads=True, run=view.run, cause=cause)]


def found(view: VerdictView, room: Budget) -> list[Element]:
    lists = [
        part
        for key, group in _groups(_wrong_first(view))
        if group
        for part in (section(key), facts(_pairs(view, group, room), "Small"))
    ]
    return [*lists, *more(len(view.lines) - _LINES_MOST)]


def _wrong_first(view: VerdictView) -> list[CheckLine]:
    # A finding that is a symptom is returned as one.
    lines = [_explained(view, line) for line in view.lines[:_LINES_MOST]]
    return sorted(lines, key=lambda line: (line.state is State.OK, line.row))


def _groups(lines: list[CheckLine]) -> list[tuple[str, list[CheckLine]]]:
    seen = [(f"access.{access}", _seen_by(access, lines)) for access in reversed(Access)]
    return [*seen, ("verdict.skipped_group", [line for line in lines if line.state in _LEFT_OUT])]


def _seen_by(access: Access, lines: list[CheckLine]) -> list[CheckLine]:
    return [line for line in lines if line.access is access and line.state not in _LEFT_OUT]


def _explained(view: VerdictView, line: CheckLine) -> CheckLine:
    """Return the finding as a symptom if it is one, so that it is never shown as a second cause."""
    return next((each for each in view.symptoms if each.step == line.step), line)


def commands(view: VerdictView, room: Budget) -> list[Element]:
    lines = (*view.causes, *view.possible, *view.symptoms, *view.warnings, *view.lines)
    named = dict.fromkeys(
        (line.row, command)
        for line in lines
        for command in filter(None, map(str.strip, line.command.splitlines()))
    )
    drawn = [
        literal(f"{row}  {command}", size="Small", spacing="Small")
        for row, command in list(named)[: room.commands]
    ]
    return [own("verdict.by_hand", **SMALL), *drawn] if drawn else []


def _pairs(view: VerdictView, lines: list[CheckLine], room: Budget) -> list[tuple[str, str]]:
    # Evidence that is shown above the findings is not repeated.
    above = {(line.row, line.evidence) for line in (*view.causes, *view.symptoms)}
    return [
        (
            label(EXPLAINED if line.explained_by else glyphs.of_state(line.state), line.row),
            _sentence(line, room.list, has_evidence=(line.row, line.evidence) not in above),
        )
        for line in lines
    ]


def _sentence(line: CheckLine, told: Detail, *, has_evidence: bool) -> str:
    words = _seen_and_expected(line) if told >= Detail.SEEN else _title(line)
    if line.explained_by:
        words = text("verdict.line_explained", line=words, row=line.explained_by)
    evidence = of_finding(line) if has_evidence and told >= Detail.EVIDENCE else ""
    return text("verdict.line_evidence", line=words, evidence=evidence) if evidence else words


def _title(line: CheckLine) -> str:
    return render(line.title).removesuffix(".")


def _seen_and_expected(line: CheckLine) -> str:
    words = _title(line)
    if line.seen:
        words = text("verdict.line_seen", title=words, seen=render(line.seen).removesuffix("."))
    if line.expected and line.state is not State.OK:
        words = text("verdict.line_expected", line=words, expected=render(line.expected))
    return words
