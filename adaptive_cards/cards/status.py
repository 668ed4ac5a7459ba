"""Card with the runs of a space, and whose turn it is in each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adaptive_cards import glyphs
from adaptive_cards.actions import submit
from adaptive_cards.card import Card, finished
from adaptive_cards.components import (
    Band,
    count_line,
    kicker_of,
    note,
    persons_turn,
    stage,
    turn_line,
)
from adaptive_cards.elements import SUBTLE, Element, column, columns, own, rich, run
from adaptive_cards.glyphs import Mark, glyph
from adaptive_cards.texts import render, text
from adaptive_cards.times import day_clock
from jobs.model import RunKind, Text, Turn

_RUNS_MOST = 10


_ENDED = {"done": glyphs.OK, "failed": glyphs.WRONG, "cancelled": glyphs.SKIPPED}


def status(view: StatusView) -> Card:
    body = [_row(line) for line in view.runs[:_RUNS_MOST]]
    body += count_line("status.more", view.more + max(len(view.runs) - _RUNS_MOST, 0))
    again = submit(text("button.look_again"), "status")
    actions = [again] if view.runs else [submit(text("button.setup"), "setup", main=True)]
    return finished(
        kicker_of(
            Text("status.kicker_direct" if view.direct else "status.kicker"), day_clock(view.at)
        ),
        _band(view),
        body,
        actions,
    )


def _band(view: StatusView) -> Band:
    going = [line for line in view.runs if not line.ended]
    waiting = [line for line in going if glyphs.is_person(line.turn)]
    if waiting:
        first = waiting[0]
        told = Text("status.turn", {"run": first.run, "words": render(first.words)})
        return persons_turn(_title(len(going)), turn_line(first.turn, told))
    return _nobodys_turn(len(going))


def _nobodys_turn(going: int) -> Band:
    mark = glyphs.RUNNING if going else glyphs.SKIPPED
    told = Text("status.nobody" if going else "status.nothing_next")
    return Band.of("emphasis", mark, _title(going), turn_line(Turn.NOBODY, told))


def _title(going: int) -> Text:
    if not going:
        return Text("status.none")
    return Text("status.title", {"count": str(going)})


def _row(line: RunLine) -> Element:
    about = rich(run(line.run, **SUBTLE), run(f"  {_state(line)}", **SUBTLE), spacing="None")
    # A run that was begun without an address has no mailbox yet. Webex rejects a card with an
    # empty line.
    address = rich(run(line.mailbox)) if line.mailbox else own("kicker.new")
    turn = Text("status.line", {"turn": f"key:turn.{line.turn}", "words": render(line.words)})
    started = Text("status.started", {"at": day_clock(line.started)})
    told = column(
        "stretch",
        address,
        about,
        *([] if line.ended else [note(turn)]),
        note(started),
        spacing="Small",
    )
    return columns(glyph(_mark(line)), told, spacing="Small")


def _state(line: RunLine) -> str:
    if line.ended in _ENDED:
        return text(f"status.ended_{line.ended}")
    if line.kind is not RunKind.SETUP:
        return text(f"status.kind_{line.kind}")
    return stage(line.stage)


def _mark(line: RunLine) -> Mark:
    if line.ended:
        return _ENDED.get(line.ended, glyphs.SKIPPED)
    if glyphs.is_person(line.turn):
        return glyphs.PERSON
    return glyphs.TIME if line.turn is Turn.TIME else glyphs.RUNNING


@dataclass(frozen=True, slots=True)
class RunLine:
    """Run in the list of a space. Only a setup has stages; for other runs the ``kind`` is shown."""

    run: str
    mailbox: str
    stage: int
    turn: Turn
    words: Text
    started: datetime
    ended: str = ""
    kind: RunKind = RunKind.SETUP


@dataclass(frozen=True, slots=True)
class StatusView:
    """Runs of a space, and the number of runs not listed (``more``); ``direct`` is a 1:1 space."""

    runs: tuple[RunLine, ...]
    at: datetime
    more: int = 0
    direct: bool = False
