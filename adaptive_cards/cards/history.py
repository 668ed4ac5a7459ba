"""Card with a channel's last days: a row of glyphs, its mails, its figures and its incidents."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

from adaptive_cards import glyphs
from adaptive_cards.actions import open_url, press
from adaptive_cards.card import Card, finished
from adaptive_cards.components import (
    Band,
    aside,
    count_line,
    kicker_of,
    labeled,
    note,
    small_print,
    titled,
)
from adaptive_cards.elements import MONO, SUBTLE, Element, rich, run, said
from adaptive_cards.glyphs import Mark
from adaptive_cards.texts import text
from adaptive_cards.times import day_clock, written_date
from jobs.model import State, Text

_INCIDENTS_MOST = 5
_A_LINE = 10
_BLOCKS = "▁▂▃▄▅▆▇█"
_NO_MAIL = "·"
_MARKS = {
    State.OK: glyphs.OK,
    State.WRONG: glyphs.WRONG,
    State.UNKNOWN: glyphs.UNKNOWN,
    State.SKIPPED: glyphs.NOT_YET,
}
"""Glyph and color of a day by its state. SKIPPED is a day on which nobody looked."""
_NAMES = {
    State.OK: "well",
    State.WRONG: "broken",
    State.UNKNOWN: "blind",
    State.SKIPPED: "none",
}
"""Last parts of the text keys ``history.state_NAME``, by the state of a day."""


@dataclass(frozen=True, slots=True)
class HistoryDay:
    """Day of a history: its state and its number of mails.

    The state is OK, WRONG (broken), UNKNOWN (the watch could not look) or SKIPPED (nobody looked).
    """

    on: date
    state: State
    mails: int


@dataclass(frozen=True, slots=True)
class IncidentLine:
    """Incident in a list: its time, its cause, and how long it lasted or that it goes on.

    ``state`` is WRONG, or UNKNOWN if the watch could not look.
    """

    at: datetime
    cause: Text
    lasted: Text
    state: State = State.WRONG


@dataclass(frozen=True, slots=True)
class HistoryView:
    """History of a channel.

    ``days`` are in order, without a gap. ``title`` is the result in a few words. ``rows`` are (label
    key, value). ``incidents`` are the newest first. ``page`` is (address, end) of the link to the
    page with everything. ``watched`` is false if nobody watches the channel now. ``unseen`` says what
    the newest looks could not see, or is None.
    """

    mailbox: str
    at: datetime
    title: Text
    state: State
    days: tuple[HistoryDay, ...]
    rows: tuple[tuple[str, Text], ...]
    incidents: tuple[IncidentLine, ...]
    page: tuple[str, datetime]
    watched: bool = True
    unseen: Text | None = None


def history(view: HistoryView) -> Card:
    """Return the card; at most five incidents are on it, and the page has all of them."""
    unseen = [said(view.unseen, spacing="Small")] if view.unseen else []
    band = Band.of(_STYLES[view.state], _MARKS[view.state], view.title, *unseen)
    address, until = view.page
    incidents = [_incident(each) for each in view.incidents[:_INCIDENTS_MOST]]
    body = [
        *_row_of_days(view.days),
        labeled(view.rows),
        *titled("history.incidents", incidents),
        *count_line("history.more_incidents", len(view.incidents) - _INCIDENTS_MOST),
        small_print(Text("history.link_words", {"until": day_clock(until)})),
    ]
    return finished(
        kicker_of(Text("history.kicker", {"mailbox": view.mailbox}), day_clock(view.at)),
        band,
        body,
        _buttons(view, address),
    )


_STYLES = {
    State.OK: "good",
    State.WRONG: "attention",
    State.UNKNOWN: "emphasis",
    State.SKIPPED: "emphasis",
}


def _row_of_days(days: tuple[HistoryDay, ...]) -> list[Element]:
    # The glyphs are in groups of ten, between which a narrow card breaks the line.
    marks = rich(*_glyphs(days), spacing="Medium")
    most = max((each.mails for each in days), default=0)
    mails = [_block(each, most) for each in days]
    first, last = written_date(days[0].on), written_date(days[-1].on)
    lines = [marks, rich(run(_legend(), **SUBTLE), spacing="None")]
    if most:
        lines.append(rich(run(_in_tens(mails), **MONO), spacing="Small"))
        words = Text("history.mails_line", {"most": str(most), "first": first, "last": last})
        lines.append(note(words))
    else:
        lines.append(note(Text("history.days_line", {"first": first, "last": last})))
    return lines


def _legend() -> str:
    return "  ".join(
        f"{_MARKS[state].glyph} {text(f'history.state_{name}')}" for state, name in _NAMES.items()
    )


def _glyphs(days: tuple[HistoryDay, ...]) -> Iterable[Element]:
    """Return runs of equal days, each in its color."""
    numbered = list(enumerate(days))
    for state, some in groupby(numbered, key=lambda each: each[1].state):
        mark = _MARKS[state]
        told = "".join(_spaced(number, mark.glyph) for number, _ in some)
        yield run(told, **MONO, **mark.look)


def _in_tens(signs: Iterable[str]) -> str:
    return "".join(_spaced(number, each) for number, each in enumerate(signs))


def _spaced(number: int, glyph: str) -> str:
    return f" {glyph}" if number and number % _A_LINE == 0 else glyph


def _block(day: HistoryDay, most: int) -> str:
    """Return a block as high as the day's share of the largest day."""
    if not day.mails:
        return glyphs.UNKNOWN.glyph if day.state is State.UNKNOWN else _NO_MAIL
    return _BLOCKS[min(len(_BLOCKS) - 1, day.mails * len(_BLOCKS) // (most + 1))]


def _incident(line: IncidentLine) -> Element:
    mark: Mark = _MARKS[line.state]
    when = rich(run(day_clock(line.at)))
    return glyphs.marked(mark, when, note(line.cause), right=aside(line.lasted))


def _buttons(view: HistoryView, address: str) -> list[Element]:
    shown = [open_url(text("history.page_button"), address)] if address else []
    check = press(text("button.check_now"), {"do": "check", "channel": view.mailbox})
    watch = press(text("watch.add_button"), {"do": "watch", "channel": view.mailbox})
    more = press(text("watch.see_more"), {"do": "check", "channel": view.mailbox})
    return [*([more] if view.unseen else []), *shown, check if view.watched else watch]
