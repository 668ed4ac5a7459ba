"""Cards of the watch: an incident, the watched channels, and the past of a channel."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from itertools import groupby

from adaptive_cards import components as ui
from adaptive_cards import glyphs
from adaptive_cards.actions import button_rows, open_url, press
from adaptive_cards.card import Card, finished
from adaptive_cards.elements import MONO, SUBTLE, Element, rich, run, said
from adaptive_cards.glyphs import Mark
from adaptive_cards.texts import render, text
from adaptive_cards.times import day_clock, written_date
from jobs.model import State, Text, Turn, verbatim

_MAILBOXES_MOST = 10
_CHANGES_MOST = 8


class IncidentLook(StrEnum):
    """State of an incident, by which its card changes its look."""

    BROKEN = "broken"
    BLIND = "blind"
    FLAPS = "flaps"
    ENDED = "ended"
    UNWATCHED = "unwatched"


_STYLES: dict[IncidentLook, tuple[str, Mark]] = {
    IncidentLook.BROKEN: ("attention", glyphs.WRONG),
    IncidentLook.BLIND: ("emphasis", glyphs.UNKNOWN),
    IncidentLook.FLAPS: ("attention", glyphs.WARNING),
    IncidentLook.ENDED: ("good", glyphs.OK),
    IncidentLook.UNWATCHED: ("emphasis", glyphs.SKIPPED),
}


@dataclass(frozen=True, slots=True)
class IncidentView:
    """Incident: its cause, who acts, the damage so far, and its changes.

    ``mailboxes`` are the channels; one for a card of one incident. ``cause`` is a sentence.
    ``remedy`` is the task of the person whose ``turn`` it is, or None. ``rows`` are (label key,
    value). ``changes`` are the moments and words of earlier changes, oldest first. ``acts`` is
    false once somebody has said "I'm on it", which can be taken back. ``fix`` is (text key, data)
    of the button that opens a plan, or None. ``page`` is (text key, address) of the page for a fix
    by hand, or None. ``direct`` means a 1:1 message.
    """

    card: str
    look: IncidentLook
    title: Text
    mailboxes: tuple[str, ...]
    cause: Text
    turn: Turn
    at: datetime
    remedy: Text | None = None
    rows: tuple[tuple[str, Text], ...] = ()
    changes: tuple[tuple[datetime, Text], ...] = ()
    acts: bool = True
    fix: tuple[str, dict[str, str]] | None = None
    page: tuple[str, str] | None = None
    direct: bool = False
    effect: Text | None = None


def incident(view: IncidentView) -> Card:
    lines = [said(view.cause, spacing="Small")]
    if view.look not in {IncidentLook.ENDED, IncidentLook.UNWATCHED}:
        lines += [said(view.effect, spacing="Small")] if view.effect else []
        lines.append(ui.turn_line(view.turn, view.remedy or verbatim("")))
    body = [ui.labeled(view.rows)] if view.rows else []
    if len(view.mailboxes) > 1:
        shown = [rich(run(each), spacing="Small") for each in view.mailboxes[:_MAILBOXES_MOST]]
        more = ui.count_line("watch.more_channels", len(view.mailboxes) - len(shown))
        body += [ui.section("watch.channels_section"), *shown, *more]
    changes = view.changes
    if len(changes) > _CHANGES_MOST:  # the first one and the newest
        changes = (changes[0], *changes[-_CHANGES_MOST + 1 :])
    if len(changes) > 1:
        body.append(ui.section("watch.changes_section"))
        for at, words in changes:
            moment = run(f"{day_clock(at)}  ", **SUBTLE)
            body.append(rich(moment, run(render(words)), spacing="Small"))
    kicker = ui.kicker_at("watch.kicker", view.at)
    band = ui.Band.of(*_STYLES[view.look], view.title, *lines)
    return finished(kicker, band, [*body, *button_rows(_buttons(view))])


def _buttons(view: IncidentView) -> list[Element]:
    data = {"do": "check", "channel": view.mailboxes[0]}
    check = [press(text("button.check_now"), data)] if len(view.mailboxes) == 1 else []
    if view.look is IncidentLook.UNWATCHED:
        return []
    if view.look is IncidentLook.ENDED:
        return [] if view.direct else check
    key, verb = ("on_it", "watch_on_it") if view.acts else ("not_on_it", "watch_not_on_it")
    on_it = press(text(f"watch.{key}"), {"do": verb, "card": view.card})
    if view.direct:
        return [on_it]
    fix = [press(text(view.fix[0]), view.fix[1], main=True)] if view.fix else []
    page = [open_url(text(view.page[0]), view.page[1])] if view.page else []
    return [*fix, *page, on_it, *check]


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


_HISTORY_STYLES = {State.OK: "good", State.WRONG: "attention"}


def history(view: HistoryView) -> Card:
    """Return the card; at most five incidents are on it, and the page has all of them."""
    unseen = [said(view.unseen, spacing="Small")] if view.unseen else []
    style = _HISTORY_STYLES.get(view.state, "emphasis")
    band = ui.Band.of(style, _MARKS[view.state], view.title, *unseen)
    address, until = view.page
    incidents = [
        glyphs.marked(
            _MARKS[each.state],
            rich(run(day_clock(each.at))),
            ui.note(each.cause),
            right=ui.aside(each.lasted),
        )
        for each in view.incidents[:_INCIDENTS_MOST]
    ]
    body = [
        *_row_of_days(view.days),
        ui.labeled(view.rows),
        *ui.titled("history.incidents", incidents),
        *ui.count_line("history.more_incidents", len(view.incidents) - _INCIDENTS_MOST),
        ui.small_print(Text("history.link_words", {"until": day_clock(until)})),
    ]
    data = {"do": "check", "channel": view.mailbox}
    check, see = press(text("button.check_now"), data), press(text("watch.see_more"), data)
    watch = press(text("watch.add_button"), data | {"do": "watch"})
    actions = [see] if view.unseen else []
    actions += [open_url(text("history.page_button"), address)] if address else []
    actions.append(check if view.watched else watch)
    kicker = ui.kicker_at("history.kicker", view.at, mailbox=view.mailbox)
    return finished(kicker, band, body, actions)


def _row_of_days(days: tuple[HistoryDay, ...]) -> list[Element]:
    # The glyphs are in groups of ten, between which a narrow card breaks the line. Runs of equal
    # days are in one color.
    marks = [
        run("".join(_spaced(place, _MARKS[state].glyph) for place, _ in some), **MONO, **look)
        for state, some in groupby(enumerate(days), key=lambda each: each[1].state)
        for look in (_MARKS[state].look,)
    ]
    most = max((each.mails for each in days), default=0)
    values = {"first": written_date(days[0].on), "last": written_date(days[-1].on)}
    legend = "  ".join(
        f"{_MARKS[state].glyph} {text(f'history.state_{name}')}" for state, name in _NAMES.items()
    )
    lines = [rich(*marks, spacing="Medium"), rich(run(legend, **SUBTLE), spacing="None")]
    if not most:
        return [*lines, ui.note(Text("history.days_line", values))]
    mails = "".join(_spaced(place, _block(each, most)) for place, each in enumerate(days))
    words = ui.note(Text("history.mails_line", {"most": str(most), **values}))
    return [*lines, rich(run(mails, **MONO), spacing="Small"), words]


def _spaced(number: int, glyph: str) -> str:
    return f" {glyph}" if number and number % _A_LINE == 0 else glyph


def _block(day: HistoryDay, most: int) -> str:
    """Return a block as high as the day's share of the largest day."""
    if not day.mails:
        return glyphs.UNKNOWN.glyph if day.state is State.UNKNOWN else _NO_MAIL
    return _BLOCKS[min(len(_BLOCKS) - 1, day.mails * len(_BLOCKS) // (most + 1))]
