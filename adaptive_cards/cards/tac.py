"""Cards of /tac: the data to collect in Webex Connect (T1 to T3), and the file for TAC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adaptive_cards import glyphs
from adaptive_cards.actions import submit
from adaptive_cards.card import Card, finished
from adaptive_cards.components import (
    answer_line,
    kicker_of,
    note,
    persons_turn,
    row,
    section,
    small_print,
)
from adaptive_cards.elements import Element, facts, own, rich, run, said
from adaptive_cards.texts import has_text, text
from adaptive_cards.times import day_clock
from jobs.model import Text

_ID_MOST = 100


_SEEN_MOST = 2000


_CASE = ("tac.case_1", "tac.case_2", "tac.case_3")


def tac(view: TacView) -> Card:
    """Return the guide to the debug console, with three fields and one button."""
    band = persons_turn(Text("tac.title"), answer_line(Text("tac.turn")))
    identifier = said(
        Text("tac.identifier", {"mailbox": view.mailbox}),
        size="Small",
        isSubtle=True,
        spacing="None",
    )
    picture = "tac.console_t3_direct" if view.direct else "tac.console_t3"
    body = [
        section("tac.console"),
        row(glyphs.PERSON, "T1", own("tac.console_t1"), identifier),
        row(glyphs.PERSON, "T2", own("tac.console_t2")),
        row(glyphs.PERSON, "T3", own(picture)),
        small_print(Text("tac.whole")),
        section("tac.inputs"),
        _field("resource_id", _ID_MOST) | {"placeholder": text("tac.resource_id_example")},
        _field("transaction_id", _ID_MOST),
        _field("seen_text", _SEEN_MOST)
        | {"isMultiline": True, "placeholder": text("tac.seen_text_example")},
    ]
    make = submit(text("tac.make"), "tac", main=True, reads=True, channel=view.mailbox)
    return finished(_kicker(view), band, body, [make])


def tac_file(view: TacFileView) -> Card:
    band = persons_turn(
        Text("tac.ready", {"name": view.name}),
        answer_line(Text("tac.ready_turn")),
    )
    picture = any(name.startswith("screenshot.") for name in view.files)
    keys = [
        *([] if picture else ["tac.no_picture"]),
        *([] if view.checked else ["tac.never_checked"]),
    ]
    missing = [glyphs.marked(glyphs.SKIPPED, own(key)) for key in keys]
    ids = {"tac.resource": view.resource_id, "tac.transaction": view.transaction_id}
    lines = [row(glyphs.PERSON, "T3", own(key)) for key in _CASE]
    body = [
        section("tac.inside"),
        *(_part(name) for name in view.files),
        *missing,
        section("tac.case"),
        *lines,
        facts((text(label), value or text("tac.not_given")) for label, value in ids.items()),
    ]
    return finished(_kicker(view), band, body)


def _kicker(view: TacView | TacFileView) -> Element:
    return kicker_of(Text("tac.kicker", {"mailbox": view.mailbox}), day_clock(view.at))


def _field(name: str, most: int) -> Element:
    return {"type": "Input.Text", "id": name, "label": text(f"tac.{name}"), "maxLength": most}


def _part(name: str) -> Element:
    stem, _, ending = name.rpartition(".")
    key = (
        f"tac.part.{stem}_{ending}" if has_text(f"tac.part.{stem}_{ending}") else f"tac.part.{stem}"
    )
    return glyphs.marked(glyphs.OK, rich(run(name)), note(Text(key)))


@dataclass(frozen=True, slots=True)
class TacView:
    """Guide to the debug console, with the fields for a case.

    ``direct`` is true in a 1:1 message, in which people do not mention the bot.
    """

    mailbox: str
    at: datetime
    direct: bool = False


@dataclass(frozen=True, slots=True)
class TacFileView:
    """File for Cisco TAC that was posted.

    ``files`` are the names in it. ``checked`` is false if no check was ever run.
    """

    mailbox: str
    name: str
    files: tuple[str, ...]
    at: datetime
    resource_id: str = ""
    transaction_id: str = ""
    checked: bool = True
    direct: bool = False
