"""Card of a run, edited in place; rows keep their place while their states change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adaptive_cards import glyphs
from adaptive_cards.actions import cancel, submit
from adaptive_cards.card import Card, finished, size
from adaptive_cards.components import (
    Band,
    aside,
    kicker,
    note,
    problem_box,
    row,
    run_turn,
    section,
    small_print,
)
from adaptive_cards.elements import SMALL, Element, said
from adaptive_cards.glyphs import Mark
from adaptive_cards.texts import text, with_counts
from adaptive_cards.times import clock_seconds
from adaptive_cards.views import Header
from jobs.model import State, Text, Turn

_DONE = {State.OK, State.WARNING}


# If the rows would fill the card, only the rows that need attention keep their notes.
_ROWS_MOST_BYTES = 11_500


_ASKS = {State.WRONG, State.WAITING}


_ENDED = {
    "done": ("good", glyphs.OK),
    "failed": ("attention", glyphs.WRONG),
    "cancelled": ("emphasis", glyphs.SKIPPED),
}


def progress(view: ProgressView) -> Card:
    rows = _groups(view, every_note=True)
    if size({"rows": rows}) > _ROWS_MOST_BYTES:
        rows = _groups(view, every_note=False)
    body = [*problem_box(view.problem, view.problem_code, remedy=view.remedy), *rows]
    if view.resumed:
        body.append(small_print(Text("progress.resumed")))
    told = "progress.ended" if view.ended else "progress.goes_on"
    body.append(small_print(Text(told, {"run": view.header.run, "at": clock_seconds(view.at)})))
    return finished(kicker(view.header), _band(view), body, _buttons(view))


def _band(view: ProgressView) -> Band:
    style, mark = _ENDED.get(view.ended) or _of_turn(view.turn)
    waits = (said(view.waits, **SMALL, spacing="None"),) if view.waits else ()
    lines = (run_turn(view.header, view.turn, view.turn_words), *waits)
    key = f"progress.title_{view.ended}" if view.ended in _ENDED else "progress.title"
    named = Text(
        key, {"counts": ", ".join(_counts([line for _, group in view.groups for line in group]))}
    )
    return Band.of(style, mark, named, *lines)


def _of_turn(turn: Turn) -> tuple[str, Mark]:
    if glyphs.is_person(turn):
        return "accent", glyphs.PERSON
    return "emphasis", glyphs.TIME if turn is Turn.TIME else glyphs.RUNNING


def _counts(rows: list[Row]) -> list[str]:
    # Running and skipped rows are left out if there are none.
    done = sum(line.done for line in rows)
    counts = {
        "progress.count_running": sum(line.running for line in rows),
        "progress.count_skipped": sum(line.state is State.SKIPPED for line in rows),
    }
    return [text("progress.count", done=str(done), all=str(len(rows))), *with_counts(counts)]


def _groups(view: ProgressView, *, every_note: bool) -> list[Element]:
    return [
        part
        for title, rows in view.groups
        for part in (section(title), *(_row(line, every_note=every_note) for line in rows))
    ]


def _row(line: Row, *, every_note: bool) -> Element:
    right = _right(line)
    shown = every_note or line.running or line.state in _ASKS
    below = note(line.note) if line.note and shown else None
    return row(_mark(line), line.row, said(line.title), below, aside(right) if right else None)


def _mark(line: Row) -> Mark:
    if line.running:
        return glyphs.RUNNING
    return glyphs.NOT_YET if line.state is None else glyphs.of_state(line.state, line.waiting_for)


def _right(line: Row) -> Text | None:
    if line.running:
        return Text("state.running")
    if line.state is State.WAITING:
        return Text(
            "state.waits_person" if glyphs.is_person(line.waiting_for) else "state.waits_time"
        )
    if line.right or line.state in {None, State.OK}:
        return line.right
    return Text(f"state.{line.state}")


def _buttons(view: ProgressView) -> list[Element]:
    if view.ended:
        return []
    on = [
        submit(text(f"button.{verb}"), verb, main=verb == "look_again", run=view.header.run)
        for verb in view.buttons
    ]
    return [*on, *([cancel(view.header.run, of_run=True)] if view.can_cancel else [])]


@dataclass(frozen=True, slots=True)
class Row:
    """Line of the progress card.

    A ``state`` of None means that the step is still to come. ``running`` overrides it.
    """

    row: str
    title: Text
    state: State | None = None
    running: bool = False
    waiting_for: Turn | None = None
    note: Text | None = None
    right: Text | None = None

    @property
    def done(self) -> bool:
        """Return whether nothing is left to do for the row's step."""
        return self.state in _DONE and not self.running


@dataclass(frozen=True, slots=True)
class ProgressView:
    """Progress of a run, for the card that is edited in place.

    ``groups`` are (title key, rows). ``turn`` and ``turn_words`` fill the second line of the band.
    ``buttons`` are the verbs that lead on from here, in addition to Cancel. ``waits`` names the person
    whom the run waits for, and since when.
    """

    header: Header
    groups: tuple[tuple[str, tuple[Row, ...]], ...]
    turn: Turn
    turn_words: Text
    at: datetime
    problem: Text | None = None
    problem_code: str = ""
    remedy: Text | None = None
    buttons: tuple[str, ...] = ()
    can_cancel: bool = True
    resumed: bool = False
    ended: str = ""
    waits: Text | None = None
