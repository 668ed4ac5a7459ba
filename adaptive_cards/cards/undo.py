"""Card that ends an undo, and its data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adaptive_cards import glyphs
from adaptive_cards.actions import press
from adaptive_cards.card import Card, finished
from adaptive_cards.components import Band, kicker, note, row, section, titled, turn_line
from adaptive_cards.elements import Element, facts, said
from adaptive_cards.glyphs import Mark, marked
from adaptive_cards.texts import text
from adaptive_cards.times import clock, lasted
from adaptive_cards.views import Header
from jobs.model import Text, Turn


@dataclass(frozen=True, slots=True)
class UndoneView:
    """Result of an undo.

    ``restored`` and ``left_alone`` are (row, object, what was seen). ``binned`` means that the app is in the
    recycle bin. ``undoes`` is the only run that was reversed, or empty if the channel was disconnected.
    """

    header: Header
    at: datetime
    started: datetime
    restored: tuple[tuple[str, Text, Text], ...]
    left_alone: tuple[tuple[str, Text, Text], ...]
    approved_by: str
    binned: bool = False
    undoes: str = ""


Line = tuple[str, Text, Text]


def undone(view: UndoneView) -> Card:
    """Return the card: what was restored, what was left, and what to know.

    If nothing was restored, the channel is unchanged.
    """
    done = "undone.title_run" if view.undoes else "undone.title"
    values = {"mailbox": view.header.mailbox, "run": view.undoes}
    title = Text(done if view.restored else "undone.nothing", values)
    told = turn_line(Turn.NOBODY, Text("undone.finished", {"at": clock(view.at)}))
    band = Band.of(
        "good" if view.restored else "emphasis",
        glyphs.OK if view.restored else glyphs.SKIPPED,
        title,
        told,
    )
    body = [
        *_lines("undone.back", glyphs.OK, view.restored),
        *_lines("undone.left", glyphs.WARNING, view.left_alone),
        section("done.to_know"),
        *([] if view.undoes else [marked(glyphs.SKIPPED, said(Text("plan.undo_asset")))]),
        facts(_to_know(view), "Small"),
    ]
    again = press(text("button.setup_new"), {"do": "setup", "mailbox_meant": view.header.mailbox})
    return finished(
        kicker(view.header), band, body, [again] if view.restored and not view.undoes else []
    )


def _lines(title: str, mark: Mark, lines: tuple[Line, ...]) -> list[Element]:
    rows = [row(mark, name, said(what), note(seen)) for name, what, seen in lines]
    return titled(title, rows)


def _to_know(view: UndoneView) -> list[tuple[str, str]]:
    who = {"run": view.header.run, "span": lasted(view.at - view.started), "who": view.approved_by}
    told = (
        text("done.run_approved", **who)
        if view.approved_by
        else text("done.run_alone", run=who["run"], span=who["span"])
    )
    binned = [(text("undone.app"), text("undone.binned"))] if view.binned else []
    return [*binned, (text("done.run"), told)]
