"""Rows of a check's card, and how many of them fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from adaptive_cards import glyphs
from adaptive_cards.components import aside, note, small_print
from adaptive_cards.elements import SUBTLE, Element, column, columns, facts, rich, run, sign
from adaptive_cards.glyphs import Mark
from adaptive_cards.texts import text
from jobs.model import Text, verbatim

EXPLAINED = Mark("\u2192")
NO_BREAK = "\u00a0"


class Detail(IntEnum):
    """Detail of a line in the list of all findings: name, observation, or also its evidence."""

    NAME = 0
    SEEN = 1
    EVIDENCE = 2


@dataclass(frozen=True, slots=True)
class Budget:
    """Available space: rows per section, causes with all facts, commands, and detail of the list.

    ``written`` is the number of pieces of evidence as the services wrote them. ``compact`` means that
    rows without a text at the right are drawn as one FactSet.
    """

    rows: int
    whole: int
    commands: int
    list: Detail
    written: int
    compact: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """One row: its mark, optional id, title, small note below, and text at the right end."""

    mark: Mark
    name: str
    title: str
    note: str = ""
    right: str = ""


def rows(items: Sequence[Item], room: Budget, *, aligned: bool = False) -> list[Element]:
    """Return the items that fit, and a line with the number left out.

    Items with a text at the right are ``aligned``: they look the same however little room there is.
    """
    shown = items[: room.rows]
    drawn = (
        [facts(map(_pair, shown), "Small")]
        if room.compact and shown and not aligned
        else [_row(item) for item in shown]
    )
    return [*drawn, *more(len(items) - room.rows)]


def row(mark: Mark, name: str, *content: Element, right: str = "") -> Element:
    # The columns on the left are 20 and 36 px wide, because ids have up to three letters here.
    cells = [
        glyphs.glyph(mark),
        *([column("36px", sign(name, **SUBTLE), spacing="None")] if name else []),
    ]
    cells.append(column("stretch", *content, spacing="Small"))
    if right:
        cells.append(column("auto", aside(verbatim(right)), spacing="Default"))
    return columns(*cells, spacing="Small")


def label(mark: Mark, name: str) -> str:
    return f"{mark.glyph}{NO_BREAK}{name}" if name else mark.glyph


def more(count: int) -> list[Element]:
    return [small_print(Text("verdict.more_rows", {"count": str(count)}))] if count > 0 else []


def _row(item: Item) -> Element:
    below = [note(verbatim(item.note))] if item.note else []
    return row(item.mark, item.name, rich(run(item.title)), *below, right=item.right)


def _pair(item: Item) -> tuple[str, str]:
    told = text("verdict.line_seen", title=item.title, seen=item.note) if item.note else item.title
    return label(item.mark, item.name), told
