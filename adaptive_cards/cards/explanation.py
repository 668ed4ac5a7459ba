"""Card of an explained error: what it means, who acts, what else it may be, and the next click."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adaptive_cards import glyphs
from adaptive_cards.actions import button_rows, fit_title, open_url, submit
from adaptive_cards.card import Card, finished
from adaptive_cards.components import (
    Band,
    answer_line,
    kicker_of,
    learn_more,
    note,
    small_print,
    titled,
)
from adaptive_cards.elements import MONO, Element, rich, run, said
from adaptive_cards.texts import text
from adaptive_cards.times import day_clock
from jobs.model import Text, Turn

_MORE_MOST, _UNKNOWN_MOST, _CHECKS_MOST, _LINE_MOST = 6, 4, 2, 300


def explanation(view: ExplanationView) -> Card:
    """Return the card; the button to /check is there if a channel is known in the space."""
    codes = [rich(run(view.code, **MONO), spacing="Small")] if view.code else []
    check_buttons = [
        submit(fit_title("explain.check", mailbox), "check", channel=mailbox)
        for mailbox in view.checks[:_CHECKS_MOST]
    ]
    lines = [
        rich(run(f"{each.code}  ", **MONO), run(each.line[:_LINE_MOST]), spacing="Small")
        for each in view.unknown[:_UNKNOWN_MOST]
    ]
    known = [open_url(text("button.learn_more"), view.page)] if view.page else []
    pages = known + [
        open_url(fit_title("explain.look_up", each.code), each.page)
        for each in view.unknown[:_CHECKS_MOST]
        if each.page
    ]
    body = [
        *codes,
        *_list("explain.also", view.certain),
        *_list(heading_of(open_=view.open, condition=view.condition), view.possible),
        *titled("explain.unknown_codes", lines),
        *_remarks(view),
        *button_rows([*pages, *check_buttons]),
    ]
    kicker = kicker_of(Text("notice.explained_kicker"), day_clock(view.at))
    return finished(kicker, _band(view), body, told=2)


def heading_of(*, open_: bool, condition: bool) -> str:
    """Return the key of the heading above causes that are not certain."""
    if condition:
        return "explain.condition"
    return "explain.one_of" if open_ else "explain.may_be"


def _remarks(view: ExplanationView) -> list[Element]:
    remarks: list[Element] = []
    if view.checks and (view.possible or view.certain):
        remarks.append(small_print(Text("explain.check_turn")))
    if view.cut:
        remarks.append(small_print(Text("explain.cut")))
    return remarks


def _band(view: ExplanationView) -> Band:
    mark = glyphs.WARNING if view.known else glyphs.UNKNOWN
    tone = "accent" if view.known else "emphasis"
    # A remedy that needs nobody says so itself.
    acts = answer_line(Text("explain.who", {"who": f"key:who.{view.turn}"}))
    turns = [acts] if glyphs.is_person(view.turn) else []
    return Band.of(tone, mark, view.title, said(view.words, spacing="Small"), *turns)


def _list(key: str, lines: tuple[CauseLine, ...]) -> list[Element]:
    return titled(key, list(map(_cause_line, lines[:_MORE_MOST])))


def _cause_line(line: CauseLine) -> Element:
    told = [note(line.tell)] if line.tell else []
    page = learn_more(line.page, spacing="None")
    mark = glyphs.UNKNOWN if line.tell else glyphs.WARNING
    return glyphs.marked(mark, said(line.sentence), *told, *page)


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
