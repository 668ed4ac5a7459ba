"""Card of the audit trail: its newest entries in words, and whether it is intact."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from adaptive_cards import actions as act, components as ui, elements as el
from adaptive_cards.card import Card, finished
from adaptive_cards.locale import SOURCE
from adaptive_cards.texts import has_text, own_text, plural, text
from adaptive_cards.times import day_clock
from bot.cards.presenters.card_state import NEVER
from jobs.checks.discovering import WITHOUT
from jobs.clock import parse
from jobs.model import Text, verbatim
from jobs.runs.audit import AuditEntry
from jobs.runs.event_log import BOT

SKIPPED = "skip:"
"""Beginning of the answer of a person who skips the rehearsal; the reason follows."""
_COPIED = ("question", "value", "most", "last", "event", "entry", "until")
_LINES_MOST, _OFFERED_MOST = 10, 4


def audit(  # noqa: PLR0913  everything that the card shows
    mailbox: str,
    at: datetime,
    entries: Sequence[AuditEntry],
    *,
    filed: int,
    name: str,
    broken_at: int = 0,
    offered: Sequence[str] = (),
) -> Card:
    """Return the card with one row per entry, newest first, ten at most.

    ``entries`` are those that a person may see, oldest first; the newest ``filed`` of them are in
    the file ``name``. ``mailbox`` is empty for a whole space. ``broken_at`` is the first entry that
    was tampered with; 0 if the trail is intact. ``offered`` are channels that get a button each,
    four at most, that shows only their entries.
    """
    newest = [_row(entry) for entry in reversed(entries[-_LINES_MOST:])]
    count = len(entries)
    body = ui.titled("audit.newest", newest)
    if body:
        values = {"name": name, "count": str(filed)}
        filed_as = "audit.file_cut" if filed < count else "audit.file"
        body.append(ui.small_print(Text(filed_as, values)))
    meant = {"do": "typed", "command": "audit"}
    buttons = [
        act.press(act.fit_title("choice.button.audit", each), meant | {"mailbox_meant": each})
        for each in offered[:_OFFERED_MOST]
    ]
    body += act.button_rows(buttons, "Small")
    look, title, told = ui.NOT_BEGUN, Text("audit.none"), "audit.none_next"
    if broken_at:
        look, title = ui.BROKEN, Text("audit.broken", {"entry": str(broken_at)})
        told = "audit.broken_next"
    elif count:
        look, title = ui.WELL, verbatim(plural("audit.whole", count))
        told = "audit.next"
    band = ui.Band.of(*look, title, ui.answer_line(Text(told)))
    about = Text("audit.kicker_of", {"mailbox": mailbox}) if mailbox else Text("audit.kicker")
    return finished(ui.kicker_of(about, day_clock(at)), band, body)


def _row(entry: AuditEntry) -> el.Element:
    by, mailbox, run = (str(entry.get(name, "")) for name in ("by", "mailbox", "run"))
    who = el.rich(
        el.run(text("audit.the_bot") if by in {"", BOT} else by, **el.BOLD),
        el.run(f"  {day_clock(parse(entry.get('at')) or NEVER)}", **el.SUBTLE),
    )
    key = "audit.about_run" if run else "audit.about_entry"
    values = {"mailbox": mailbox, "run": run, "entry": str(entry.get("n", 0))}
    about = Text("audit.about" if mailbox and run else key, values)
    lines = who, el.said(words_of(entry), spacing="None"), ui.note(about)
    return el.container("", *lines, spacing="Small")


def words_of(entry: AuditEntry) -> Text:
    # An event that the catalog does not know is shown by its name, and so is a cause.
    data = entry.get("data") or {}
    values = {name: str(data.get(name, "")) for name in _COPIED} | {
        "what": str(entry.get("what", "")),
        "running": str(entry.get("running", "")),
        "kind": _named(f"audit.kind.{entry.get('kind', '')}"),
        "scope": _named(f"audit.scope.{data.get('scope', '')}"),
        "step": _named(f"step.{entry.get('step', '')}"),
        "cause": _cause(str(data.get("cause", ""))),
        "count": str(data.get("count", len(entry.get("changes") or ()))),
    }
    what = values["what"]
    if what == "answered":
        return _answer(values)
    return Text(_key_or(f"audit.what.{what}", "audit.what.other"), values)


def _answer(values: dict[str, str]) -> Text:
    question, value = values["question"], values["value"]
    if question == "rehearse" and value.startswith(SKIPPED):
        return Text("audit.answer.skip_rehearsal", values | {"value": value.removeprefix(SKIPPED)})
    key = _key_or(f"audit.answer.{question}", "audit.what.answered")
    return Text(_key_or(f"{key}_without", key) if value == WITHOUT else key, values)


def _key_or(key: str, other: str) -> str:
    return key if has_text(key) else other


def _cause(code: str) -> str:
    for key in (f"cause.{code}", f"typed.{code}"):
        if has_text(key) and "{" not in own_text(key, SOURCE):
            return f"key:{key}"
    return code or "key:cause.unexpected"


def _named(key: str) -> str:
    return f"key:{key}" if has_text(key) else key.rpartition(".")[2]
