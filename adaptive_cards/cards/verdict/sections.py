"""Findings of a check by their meaning.

The sections are causes, symptoms that these explain, further notices, proofs, and findings that
were not checked.
"""

from __future__ import annotations

from adaptive_cards import glyphs
from adaptive_cards.cards.verdict.band import names, sentence
from adaptive_cards.cards.verdict.causes import causes
from adaptive_cards.cards.verdict.rows import EXPLAINED, Budget, Item, rows
from adaptive_cards.cards.verdict.view import VerdictView
from adaptive_cards.components import (
    found_values,
    section,
    small_print,
    time_since,
    time_until,
    titled,
)
from adaptive_cards.elements import BOLD, Element, said
from adaptive_cards.glyphs import Mark
from adaptive_cards.texts import render, render_if_any, text
from adaptive_cards.times import day, day_clock
from adaptive_cards.views import ChangeLine, CheckLine
from jobs.model import State, Text


def matter(view: VerdictView, room: Budget) -> list[Element]:
    # The findings that were not checked appear only after the check ended.
    drawn = _section("verdict.changed", list(map(_change, view.changes)), room)
    changed = [*drawn, small_print(Text("verdict.changed_next"))] if drawn else []
    parts = [
        *causes(view, room),
        *_symptoms(view, room),
        *changed,
        *_noticed(view, room),
    ]
    if view.looking:
        return parts
    return [
        *parts,
        *_found(view),
        *([] if view.causes else _proven(view, room)),
        *_skipped(view, room),
        *([] if view.causes else _next_date(view, room)),
    ]


def _found(view: VerdictView) -> list[Element]:
    if view.found is None or not view.found.values:
        return []
    told = [small_print(view.found.told)] if view.found.told else []
    return [section("verdict.found"), *found_values(view.found.values), *told]


def _symptoms(view: VerdictView, room: Budget) -> list[Element]:
    by_cause: dict[str, list[Item]] = {}
    for line in view.symptoms:
        by_cause.setdefault(line.explained_by, []).append(_item(EXPLAINED, line, _seen(line)))
    groups = [(Text("verdict.explained", {"row": row}), items) for row, items in by_cause.items()]
    return [
        part
        for title, items in groups
        for part in (said(title, **BOLD, spacing="Medium"), *rows(items, room))
    ]


def _change(line: ChangeLine) -> Item:
    change = line.change
    title = text("verdict.changed_failed", event=change.event) if change.failed else change.event
    told = text(
        "verdict.changed_by", at=day_clock(change.at), by=change.by or text("verdict.nobody")
    )
    parts = [told, change.told and f"{change.told.removesuffix('.')}."]
    if line.suspect:
        parts.append(text("verdict.changed_suspect", cause=render(line.suspect)))
    return Item(glyphs.UNKNOWN, "AL", title, " ".join(filter(None, parts)))


def _noticed(view: VerdictView, room: Budget) -> list[Element]:
    warned = [_item(_warned(line), line, _seen(line)) for line in view.warnings]
    possible = [_item(glyphs.UNKNOWN, line, _proof(line)) for line in view.possible]
    # Without a known cause, possible obstacles to mail come before the rest.
    items = [*warned, *possible] if view.causes else [*possible, *warned]
    return _section("verdict.noticed" if view.causes else "verdict.noticed_alone", items, room)


def _warned(line: CheckLine) -> Mark:
    return glyphs.TIME if line.state is State.WAITING else glyphs.WARNING


def _proof(line: CheckLine) -> str:
    possible = (
        text("verdict.possible_seen", seen=_seen(line).removesuffix("."))
        if line.seen
        else text("verdict.possible")
    )
    return (
        text("verdict.proof", possible=possible, proof=render(line.proof))
        if line.proof
        else possible
    )


def _proven(view: VerdictView, room: Budget) -> list[Element]:
    items = [
        Item(glyphs.OK, proof.row, render(proof.words), right=time_since(proof.at, view.at))
        for proof in view.proofs
    ]
    right = sum(line.state is State.OK for line in view.lines)
    if right:
        items.append(
            Item(
                glyphs.OK, "", text("verdict.as_expected", count=str(right)), right=text("age.now")
            )
        )
    return _section("verdict.proven", items, room, aligned=True)


def _next_date(view: VerdictView, room: Budget) -> list[Element]:
    """Return the next date by which a person must act, although no action is needed now."""
    if view.secret_expires is None:
        return []
    told = text("verdict.expires", day=day(view.secret_expires))
    return _section(
        "verdict.next_date",
        [Item(glyphs.TIME, "E3", told, right=time_until(view.secret_expires, view.at))],
        room,
        aligned=True,
    )


def _skipped(view: VerdictView, room: Budget) -> list[Element]:
    # After a check without a sign-in, a dozen findings share the same reason.
    reasons: dict[tuple[State, str], list[CheckLine]] = {}
    for line in view.skipped:
        reasons.setdefault((line.state, _seen(line)), []).append(line)
    items = [
        Item(glyphs.of_state(state), "", names(tuple(lines)), why)
        for (state, why), lines in reasons.items()
    ]
    return _section("verdict.not_looked", items, room)


def _section(
    title: str, items: list[Item], room: Budget, *, aligned: bool = False
) -> list[Element]:
    return titled(title, rows(items, room, aligned=aligned))


def _item(mark: Mark, line: CheckLine, told: str) -> Item:
    return Item(mark, line.row, sentence(line.title), told)


def _seen(line: CheckLine) -> str:
    return render_if_any(line.seen)
