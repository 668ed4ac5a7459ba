"""What is broken, who can mend it and how: while it is looked at, and when it is known."""

from __future__ import annotations

from adaptive_cards import marks
from adaptive_cards.actions import buttons, open_url, press, show_card, submit
from adaptive_cards.card import MOST_BYTES, Card, finished, size
from adaptive_cards.cards.verdict_band import band
from adaptive_cards.cards.verdict_findings import commands, findings, found
from adaptive_cards.cards.verdict_matter import matter
from adaptive_cards.cards.verdict_rows import Room, Told
from adaptive_cards.cards.verdict_way import way
from adaptive_cards.elements import Element
from adaptive_cards.parts import kicker_of
from adaptive_cards.texts import counted, text
from adaptive_cards.times import day_clock
from adaptive_cards.views import VerdictView
from jobs.model import Words

# In this order things go where room is short: evidence in the list of all findings, the colours of the rows, values in the list, rows.
_ROOMS = (
    Room(8, 3, 12, Told.EVIDENCE),
    Room(8, 3, 12, Told.SEEN),
    Room(8, 3, 8, Told.SEEN, compact=True),
    Room(8, 2, 4, Told.NAME, compact=True),
    Room(4, 1, 2, Told.NAME, compact=True),
)
_FRAME_BYTES = 200
_TOLD_LINES = 2


def verdict(view: VerdictView) -> Card:
    """The cause, its fix, the mail's way, the matter, all findings."""
    kicker = kicker_of(Words("verdict.kicker", {"mailbox": view.mailbox}), day_clock(view.at))
    head = band(view)
    left = MOST_BYTES - _FRAME_BYTES - size({"head": [kicker, head.element]})
    drawn = (_drawn(view, room) for room in _ROOMS)
    body, actions = next((parts for parts in drawn if size({"parts": parts}) <= left), None) or _drawn(view, _ROOMS[-1])
    return finished(kicker, head, body, actions, told=_TOLD_LINES)


def _drawn(view: VerdictView, room: Room) -> tuple[list[Element], list[Element]]:
    body = [*_fix(view), *way(view), *matter(view, room)]
    if not _has_list(view):
        return [*body, *found(view, room), *_again(view)], []
    return [*body, *_again(view)], [*_list(view, room), *_commands(view, room)]


def _has_list(view: VerdictView) -> bool:
    """While nothing is certain yet, the findings are the matter themselves, and nothing has to be opened."""
    return bool(view.causes) or not view.looking


def _fix(view: VerdictView) -> list[Element]:
    if view.fix is None:
        return []
    key, data = view.fix
    main = marks.is_person(view.turn)
    button = open_url(text(key), data["url"], main=main) if "url" in data else press(text(key), data, main=main)
    return [buttons(button, spacing="Default")]


def _again(view: VerdictView) -> list[Element]:
    again = [] if view.looking else [submit(text("button.check_again"), "check", channel=view.mailbox)]
    deeper = [open_url(text("button.see_more"), view.sign_in_url)] if view.sign_in_url else []
    return [buttons(*again, *deeper)] if again or deeper else []


def _list(view: VerdictView, room: Room) -> list[Element]:
    return [show_card(counted("button.findings", len(view.lines)), findings(view, room))] if view.lines else []


def _commands(view: VerdictView, room: Room) -> list[Element]:
    lines = commands(view, room)
    return [show_card(text("button.commands"), lines)] if lines else []
