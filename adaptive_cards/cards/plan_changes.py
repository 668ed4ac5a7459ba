"""Lines of a plan: an object, its value before, and its value after."""

from __future__ import annotations

from adaptive_cards import glyphs
from adaptive_cards.components import aside, note, section
from adaptive_cards.elements import BOLD, SUBTLE, Element, column, columns, rich, run, said, sign
from adaptive_cards.escape import FACT_MOST, tame
from adaptive_cards.texts import render
from jobs.model import Change, Scope, Text


def of_scope(changes: tuple[Change, ...], scope: Scope) -> tuple[Change, ...]:
    return tuple(change for change in changes if change.scope is scope)


def group(title: str, changes: tuple[Change, ...]) -> list[Element]:
    """Return a section of changes.

    "reversible" appears once if it applies to all of them, otherwise on each line that it applies
    to.
    """
    if not changes:
        return []
    whole = all(change.reversible for change in changes)
    return [
        section(title, "plan.reversible" if whole else ""),
        *(_change_row(change, whole=whole) for change in changes),
    ]


def changed(change: Change) -> list[Element]:
    """Return the value before (subtle) and after (plain).

    Long values are shortened in the middle. The Commands part shows them in full.
    """
    return [run(_short(change.before), **SUBTLE), run(glyphs.ARROW + _short(change.after))]


def _change_row(change: Change, *, whole: bool) -> Element:
    lines = [said(change.object, **BOLD), rich(*changed(change), spacing="None"), *_note(change)]
    cells = [column("32px", sign(change.row, **SUBTLE)), column("stretch", *lines, spacing="None")]
    if not whole:
        told = "plan.reversible" if change.reversible else "plan.irreversible"
        cells.append(column("auto", aside(Text(told)), spacing="Default"))
    return columns(*cells, spacing="Small")


def _note(change: Change) -> list[Element]:
    if change.note is None:
        return []
    if not change.warning:
        return [note(change.note)]
    return [
        rich(
            run(f"{glyphs.WARNING.glyph} ", **glyphs.WARNING.look),
            run(render(change.note)),
            spacing="None",
        )
    ]


def _short(words: Text) -> str:
    return tame(render(words), FACT_MOST)
