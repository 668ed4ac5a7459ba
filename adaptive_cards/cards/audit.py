"""Card of ``/audit`` and its data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adaptive_cards import glyphs
from adaptive_cards.actions import button_rows, fit_title, press
from adaptive_cards.card import Card, finished
from adaptive_cards.components import Band, answer_line, kicker_of, note, section, small_print
from adaptive_cards.elements import BOLD, SUBTLE, Element, container, rich, run, said
from adaptive_cards.texts import plural, text
from adaptive_cards.times import day_clock
from jobs.model import Text, verbatim


@dataclass(frozen=True, slots=True)
class AuditLine:
    """Entry of the audit trail: its time, event, person, mailbox, run and number.

    ``by`` is the person's address, or empty for the bot itself.
    """

    at: datetime
    what: Text
    by: str
    mailbox: str = ""
    run: str = ""
    entry: int = 0


@dataclass(frozen=True, slots=True)
class AuditView:
    """Audit entries that a person may see, newest first.

    ``count`` is the number of entries, and ``filed`` of them are in the file ``name``. ``mailbox``
    is empty for a whole space. ``broken_at`` is the first entry that was tampered with; 0 if the
    trail is intact. ``channels`` get a button each, four at most, that shows only their entries.
    """

    mailbox: str
    at: datetime
    lines: tuple[AuditLine, ...]
    count: int
    filed: int
    name: str
    broken_at: int = 0
    channels: tuple[str, ...] = ()


_LINES_MOST, _CHANNELS_MOST = 10, 4


def audit(view: AuditView) -> Card:
    """Return the card with one row per entry, newest first, ten at most."""
    about = (
        Text("audit.kicker_of", {"mailbox": view.mailbox}) if view.mailbox else Text("audit.kicker")
    )
    rows = [_row(line) for line in view.lines[:_LINES_MOST]]
    body = [section("audit.newest"), *rows, small_print(_file(view))] if rows else []
    body += button_rows(
        [
            press(
                fit_title("choice.button.audit", mailbox),
                {"do": "typed", "command": "audit", "mailbox_meant": mailbox},
            )
            for mailbox in view.channels[:_CHANNELS_MOST]
        ],
        "Small",
    )
    return finished(kicker_of(about, day_clock(view.at)), _band(view), body)


def _band(view: AuditView) -> Band:
    if view.broken_at:
        title = Text("audit.broken", {"entry": str(view.broken_at)})
        return Band.of("attention", glyphs.WRONG, title, answer_line(Text("audit.broken_next")))
    if not view.count:
        told = answer_line(Text("audit.none_next"))
        return Band.of("emphasis", glyphs.NOT_YET, Text("audit.none"), told)
    whole = verbatim(plural("audit.whole", view.count))
    return Band.of("good", glyphs.OK, whole, answer_line(Text("audit.next")))


def _file(view: AuditView) -> Text:
    cut = view.filed < view.count
    return Text(
        "audit.file_cut" if cut else "audit.file", {"name": view.name, "count": str(view.filed)}
    )


def _row(line: AuditLine) -> Element:
    by = line.by or text("audit.the_bot")
    who = rich(run(by, **BOLD), run(f"  {day_clock(line.at)}", **SUBTLE))
    key = (
        "audit.about"
        if line.mailbox and line.run
        else "audit.about_run"
        if line.run
        else "audit.about_entry"
    )
    about = Text(key, {"mailbox": line.mailbox, "run": line.run, "entry": str(line.entry)})
    return container("", who, said(line.what, spacing="None"), note(about), spacing="Small")
