"""Cards of the watch: an incident, which is edited in place, and the watched channels of a space."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from adaptive_cards import glyphs
from adaptive_cards.actions import button_rows, fit_title, open_url, press
from adaptive_cards.card import Card, finished
from adaptive_cards.components import (
    Band,
    answer_line,
    aside,
    count_line,
    kicker_of,
    labeled,
    note,
    section,
    small_print,
    time_since,
    titled,
    turn_line,
)
from adaptive_cards.elements import SUBTLE, Element, rich, run, said
from adaptive_cards.glyphs import Mark
from adaptive_cards.texts import plural, render, text
from adaptive_cards.times import day_clock
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
    style, mark = _STYLES[view.look]
    lines = [said(view.cause, spacing="Small")]
    goes_on = view.look not in {IncidentLook.ENDED, IncidentLook.UNWATCHED}
    if goes_on:
        lines += [said(view.effect, spacing="Small")] if view.effect else []
        lines.append(turn_line(view.turn, view.remedy or verbatim("")))
    band = Band.of(style, mark, view.title, *lines)
    body = [labeled(view.rows)] if view.rows else []
    return finished(
        kicker_of(Text("watch.kicker"), day_clock(view.at)),
        band,
        [
            *body,
            *_mailboxes(view),
            *_changes(view),
            *button_rows(_buttons(view)),
        ],
        told=1,
    )


def _mailboxes(view: IncidentView) -> list[Element]:
    if len(view.mailboxes) == 1:
        return []
    shown = [rich(run(each), spacing="Small") for each in view.mailboxes[:_MAILBOXES_MOST]]
    more = count_line("watch.more_channels", len(view.mailboxes) - len(shown))
    return [section("watch.channels_section"), *shown, *more]


def _changes(view: IncidentView) -> list[Element]:
    """Return the changes; of many, the first one and the newest."""
    changes = view.changes
    if len(changes) > _CHANGES_MOST:
        changes = (changes[0], *changes[-_CHANGES_MOST + 1 :])
    if len(changes) <= 1:
        return []
    lines = [
        rich(run(f"{day_clock(at)}  ", **SUBTLE), run(render(words)), spacing="Small")
        for at, words in changes
    ]
    return [section("watch.changes_section"), *lines]


def _buttons(view: IncidentView) -> list[Element]:
    if view.look is IncidentLook.UNWATCHED:
        return []
    if view.look is IncidentLook.ENDED:
        return [] if view.direct else _check(view)
    if view.direct:
        return [_on_it(view)]
    fix = [press(text(view.fix[0]), view.fix[1], main=True)] if view.fix else []
    page = [open_url(text(view.page[0]), view.page[1])] if view.page else []
    return [*fix, *page, _on_it(view), *_check(view)]


def _on_it(view: IncidentView) -> Element:
    key, verb = ("on_it", "watch_on_it") if view.acts else ("not_on_it", "watch_not_on_it")
    return press(text(f"watch.{key}"), {"do": verb, "card": view.card})


def _check(view: IncidentView) -> list[Element]:
    if len(view.mailboxes) > 1:
        return []
    return [press(text("button.check_now"), {"do": "check", "channel": view.mailboxes[0]})]


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
        *button_rows(_list_buttons(view)),
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
        line = answer_line(Text("watch.list_broken_words"))
        return Band.of("attention", glyphs.WRONG, title, line)
    if partly := sum(line.unseen is not None for line in view.lines):
        title = verbatim(plural("watch.list_partly", partly, **values))
        words = (said(Text("watch.list_partly_words"), spacing="Small"),)
        return Band.of("accent", glyphs.WARNING, title, *words)
    title = verbatim(plural("watch.list_well", len(view.lines)))
    return Band.of("good", glyphs.OK, title, said(Text("watch.list_words")))


def _row(line: WatchLine, at: datetime) -> Element:
    told = filter(None, (line.unseen, line.words))
    named = [rich(run(line.mailbox)), *map(note, told)]
    age = aside(verbatim(time_since(line.looked, at))) if line.looked else None
    mark = glyphs.TIME if line.state is State.WAITING else glyphs.of_state(line.state)
    return glyphs.marked(mark, *named, right=age)


def _list_buttons(view: WatchListView) -> list[Element]:
    watch = [
        press(fit_title("watch.add_one", each), {"do": "watch", "channel": each})
        for each in view.unwatched[:_UNWATCHED_MOST]
    ]
    unseen = next((line.mailbox for line in view.lines if line.unseen is not None), "")
    more = [press(text("watch.see_more"), {"do": "check", "channel": unseen})] if unseen else []
    return [*watch, *more]
