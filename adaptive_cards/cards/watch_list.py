"""Card with the watched channels of a space: state, last look, and what the watch cannot see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adaptive_cards import glyphs
from adaptive_cards.actions import button_rows, fit_title, press
from adaptive_cards.card import Card, finished
from adaptive_cards.cards.verdict.age import time_since
from adaptive_cards.components import (
    Band,
    aside,
    count_line,
    kicker_of,
    note,
    small_print,
    titled,
    turn_line,
)
from adaptive_cards.elements import Element, column, columns, rich, run, said
from adaptive_cards.glyphs import glyph
from adaptive_cards.texts import plural, text
from adaptive_cards.times import day_clock
from jobs.model import State, Text, Turn, verbatim

_CHANNELS_MOST = 12
_UNWATCHED_MOST = 3
_NAMED_MOST = 8
_WORST_FIRST = (State.WRONG, State.UNKNOWN, State.WARNING, State.WAITING, State.OK)


@dataclass(frozen=True, slots=True)
class WatchLine:
    """Watched channel in a list.

    ``state`` is WRONG if an incident goes on, UNKNOWN if the watch cannot look, WAITING if it is
    paused or was never looked at, WARNING if the last look could not say or the watch sees only a
    part, and otherwise OK.
    ``looked`` is the time of the last look, or None. ``unseen`` says what the watch cannot see, or is
    None.
    """

    mailbox: str
    state: State
    words: Text
    looked: datetime | None = None
    unseen: Text | None = None


@dataclass(frozen=True, slots=True)
class WatchListView:
    """Watched channels of a space, and those of its channels that nobody watches.

    ``quiet`` are the hours without reminders, or empty.
    """

    lines: tuple[WatchLine, ...]
    unwatched: tuple[str, ...]
    at: datetime
    quiet: str = ""


def watch_list(view: WatchListView) -> Card:
    """Return the card, with the worst channels first; at most twelve are shown."""
    lines = sorted(view.lines, key=lambda line: _WORST_FIRST.index(line.state))
    unwatched = [rich(run(each), spacing="Small") for each in view.unwatched[:_NAMED_MOST]]
    quiet = small_print(Text("watch.quiet_line", {"hours": view.quiet}))
    body = [
        *(_row(line, view.at) for line in lines[:_CHANNELS_MOST]),
        *count_line("watch.more_channels", len(lines) - _CHANNELS_MOST),
        *titled("watch.unwatched_section", unwatched),
        *([quiet] if view.quiet else []),
        *button_rows(_buttons(view)),
    ]
    return finished(kicker_of(Text("watch.kicker"), day_clock(view.at)), _band(view), body)


def _band(view: WatchListView) -> Band:
    if not view.lines:
        return Band.of(
            "emphasis", glyphs.NOT_YET, Text("watch.none"), said(Text("watch.how"), spacing="Small")
        )
    bad = sum(line.state is State.WRONG for line in view.lines)
    values = {"all": str(len(view.lines))}
    if bad:
        title = verbatim(plural("watch.list_broken", bad, **values))
        line = turn_line(Turn.NOBODY, Text("watch.list_broken_words"))
        return Band.of("attention", glyphs.WRONG, title, line)
    if partly := sum(line.unseen is not None for line in view.lines):
        title = verbatim(plural("watch.list_partly", partly, **values))
        words = (said(Text("watch.list_partly_words"), spacing="Small"),)
        return Band.of("accent", glyphs.WARNING, title, *words)
    title = verbatim(plural("watch.list_well", len(view.lines)))
    return Band.of("good", glyphs.OK, title, said(Text("watch.list_words")))


def _row(line: WatchLine, at: datetime) -> Element:
    named = [rich(run(line.mailbox)), note(line.words)]
    if line.unseen is not None:
        named.append(note(line.unseen))
    age = aside(verbatim(time_since(line.looked, at))) if line.looked else None
    mark = glyphs.TIME if line.state is State.WAITING else glyphs.of_state(line.state)
    cells = [glyph(mark), column("stretch", *named, spacing="Small")]
    if age:
        cells.append(column("auto", age, spacing="Default"))
    return columns(*cells, spacing="Small")


def _buttons(view: WatchListView) -> list[Element]:
    watch = [
        press(fit_title("watch.add_one", each), {"do": "watch", "channel": each})
        for each in view.unwatched[:_UNWATCHED_MOST]
    ]
    unseen = next((line.mailbox for line in view.lines if line.unseen is not None), "")
    more = [press(text("watch.see_more"), {"do": "check", "channel": unseen})] if unseen else []
    return [*watch, *more]
