"""Card of an explained error: what it means, who acts, what else it may be, and the next click."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adaptive_cards import glyphs
from adaptive_cards.actions import button_rows, fit_title, open_url, submit
from adaptive_cards.card import Card, finished
from adaptive_cards.components import (
    Band,
    kicker_of,
    learn_more,
    note,
    small_print,
    titled,
    turn_line,
)
from adaptive_cards.elements import MONO, TITLE, Element, column, columns, rich, run, said
from adaptive_cards.glyphs import glyph
from adaptive_cards.texts import text
from adaptive_cards.times import day_clock
from jobs.model import Text, Turn, verbatim

_MORE_MOST, _UNKNOWN_MOST, _CHECKS_MOST, _LINE_MOST = 6, 4, 2, 300


def explanation(view: ExplanationView) -> Card:
    """Return the card; the button to /check is there if a channel is known in the space."""
    body = [
        *_code(view.code),
        *_list("explain.also", view.certain),
        *_list(heading_of(open_=view.open, condition=view.condition), view.possible),
        *_strange(view),
        *_remarks(view),
        *button_rows([*_pages(view), *_checks(view)]),
    ]
    kicker = kicker_of(Text("notice.explained_kicker"), day_clock(view.at))
    return finished(kicker, _band(view), body, told=2)


def heading_of(*, open_: bool, condition: bool) -> str:
    """Return the key of the heading above causes that are not certain."""
    if condition:
        return "explain.condition"
    return "explain.one_of" if open_ else "explain.may_be"


def _remarks(view: ExplanationView) -> list[Element]:
    """Return the remarks that a check finds the right cause, and that the person's text was cut."""
    remarks: list[Element] = []
    if view.checks and (view.possible or view.certain):
        remarks.append(small_print(Text("explain.check_turn")))
    if view.cut:
        remarks.append(small_print(Text("explain.cut")))
    return remarks


def _band(view: ExplanationView) -> Band:
    mark = glyphs.OK if view.known else glyphs.UNKNOWN
    tone = "accent" if view.known else "emphasis"
    return Band(
        tone, mark, said(view.title, **TITLE), (said(view.words, spacing="Small"), *_turn(view))
    )


def _turn(view: ExplanationView) -> list[Element]:
    """Return the line with whose turn it is, or an empty list if nobody has to act.

    A remedy that needs nobody says so itself.
    """
    direct = view.direct and view.turn is Turn.REQUESTER
    nobody = not glyphs.is_person(view.turn)
    return [] if nobody else [turn_line(view.turn, verbatim(""), direct=direct)]


def _code(code: str) -> list[Element]:
    return [rich(run(code, **MONO), spacing="Small")] if code else []


def _list(key: str, lines: tuple[CauseLine, ...]) -> list[Element]:
    return titled(key, list(map(_cause_line, lines[:_MORE_MOST])))


def _cause_line(line: CauseLine) -> Element:
    told = [note(line.tell)] if line.tell else []
    page = learn_more(line.page, spacing="None")
    words = column("stretch", said(line.sentence), *told, *page, spacing="Small")
    return columns(glyph(glyphs.UNKNOWN if line.tell else glyphs.OK), words, spacing="Small")


def _strange(view: ExplanationView) -> list[Element]:
    lines = [
        rich(run(f"{each.code}  ", **MONO), run(each.line[:_LINE_MOST]), spacing="Small")
        for each in view.unknown[:_UNKNOWN_MOST]
    ]
    return titled("explain.unknown_codes", lines)


def _pages(view: ExplanationView) -> list[Element]:
    """Return the buttons to the page of the cause, and to the pages of unknown codes."""
    known = [open_url(text("button.learn_more"), view.page)] if view.page else []
    return known + [
        open_url(fit_title("explain.look_up", each.code), each.page)
        for each in view.unknown[:_CHECKS_MOST]
        if each.page
    ]


def _checks(view: ExplanationView) -> list[Element]:
    return [
        submit(fit_title("explain.check", mailbox), "check", channel=mailbox)
        for mailbox in view.checks[:_CHECKS_MOST]
    ]


@dataclass(frozen=True, slots=True)
class CauseLine:
    """Further cause: its sentence, and the sign that distinguishes it.

    ``tell`` is that sign, or None if the cause is certain. ``page`` is the address of a page that
    explains the cause, or empty.
    """

    sentence: Text
    tell: Text | None = None
    page: str = ""


@dataclass(frozen=True, slots=True)
class UnknownLine:
    """Unknown code with the person's own line, and the address that explains it, or empty."""

    code: str
    line: str
    page: str = ""


@dataclass(frozen=True, slots=True)
class ExplanationView:
    """Explained error.

    ``known`` is whether a cause was found. ``open`` means that none of the causes is certain, and
    ``condition`` that they are causes only if a service of this channel speaks.
    ``checks`` are the mailboxes that a button checks. ``page`` is the address of a page that explains
    the cause, or empty.
    """

    title: Text
    words: Text
    turn: Turn
    at: datetime
    code: str = ""
    known: bool = False
    open: bool = False
    condition: bool = False
    certain: tuple[CauseLine, ...] = ()
    possible: tuple[CauseLine, ...] = ()
    unknown: tuple[UnknownLine, ...] = ()
    checks: tuple[str, ...] = ()
    cut: bool = False
    direct: bool = False
    page: str = ""
