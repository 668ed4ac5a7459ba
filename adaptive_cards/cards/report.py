"""Card with the summary of a month: every channel of a space with its figures, the worst first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adaptive_cards import glyphs
from adaptive_cards.actions import button_rows, fit_title, press
from adaptive_cards.card import Card, finished
from adaptive_cards.components import Band, aside, count_line, kicker_of, labeled, note, small_print
from adaptive_cards.elements import TITLE, Element, column, columns, rich, run, said
from adaptive_cards.times import day_clock
from jobs.model import State, Text

_CHANNELS_MOST = 15
_BUTTONS_MOST = 3
_WORST_FIRST = (State.WRONG, State.UNKNOWN, State.OK, State.SKIPPED)


@dataclass(frozen=True, slots=True)
class ReportLine:
    """Channel in the summary.

    ``state`` is WRONG if it was broken, UNKNOWN if the watch could not look for a time, SKIPPED if it
    was not watched, and otherwise OK. ``share`` is the availability in words. ``broken_s`` is how long
    it was broken, in seconds. ``words`` are its other figures.
    """

    mailbox: str
    state: State
    share: Text
    broken_s: float
    words: Text


@dataclass(frozen=True, slots=True)
class ReportView:
    """Summary of a month: ``month`` as ``2026-11``, (label key, value) of all, and the channels.

    ``remark`` says that a part of the month is missing, or is None.
    """

    month: str
    at: datetime
    title: Text
    rows: tuple[tuple[str, Text], ...]
    lines: tuple[ReportLine, ...]
    remark: Text | None = None


def report(view: ReportView) -> Card:
    """Return the card; at most fifteen channels are on it."""
    lines = sorted(
        view.lines, key=lambda line: (_WORST_FIRST.index(line.state), -line.broken_s, line.mailbox)
    )
    body = [
        labeled(view.rows),
        *map(_row, lines[:_CHANNELS_MOST]),
        *count_line("watch.more_channels", len(lines) - _CHANNELS_MOST),
        *([small_print(view.remark)] if view.remark else []),
        small_print(Text("report.how_counted")),
        *button_rows(_buttons(lines)),
    ]
    kicker = kicker_of(Text("report.kicker", {"month": view.month}), day_clock(view.at))
    return finished(kicker, _band(view), body)


def _band(view: ReportView) -> Band:
    bad = any(line.state is State.WRONG for line in view.lines)
    style, mark = ("attention", glyphs.WRONG) if bad else ("good", glyphs.OK)
    return Band(style, mark, said(view.title, **TITLE), ())


def _row(line: ReportLine) -> Element:
    mark = glyphs.NOT_YET if line.state is State.SKIPPED else glyphs.of_state(line.state)
    words = column("stretch", rich(run(line.mailbox)), note(line.words), spacing="Small")
    share = column("auto", aside(line.share), spacing="Default")
    return columns(glyphs.glyph(mark), words, share, spacing="Small")


def _buttons(lines: list[ReportLine]) -> list[Element]:
    """Return buttons to the history of the worst channels."""
    return [
        press(
            fit_title("report.history_button", line.mailbox),
            {"do": "history", "channel": line.mailbox},
        )
        for line in lines[:_BUTTONS_MOST]
        if line.state is not State.SKIPPED
    ]
