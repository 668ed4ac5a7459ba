"""Card of a search for missing mail, which moves from one place to the next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adaptive_cards import components as ui
from adaptive_cards import glyphs
from adaptive_cards.actions import button_rows, input_text, open_url, submit
from adaptive_cards.card import Card, finished
from adaptive_cards.elements import BOLD, Element, own, said
from adaptive_cards.texts import has_text, text
from adaptive_cards.views import CheckLine
from jobs.model import Text

_SEEN_MOST = 2000
_WAYS = "12345"


@dataclass(frozen=True, slots=True)
class SearchView:
    """Place of a search.

    ``lines`` are what the newest check says of the place. ``told`` is what a pasted text or the
    newest check means: a sentence and what to do. ``mail`` says where the test mail is. ``sends``
    offers to send one. ``sign_in_url`` leads to what the check could not read.
    """

    mailbox: str
    at: datetime
    place: str
    number: int
    of: int
    lines: tuple[CheckLine, ...] = ()
    told: tuple[Text, Text] | None = None
    mail: Text | None = None
    sends: bool = False
    sign_in_url: str = ""


def search(view: SearchView) -> Card:
    place = view.place
    kicker = ui.kicker_at("search.kicker", view.at, mailbox=view.mailbox)
    title = Text(f"search.title_{place}")
    step = Text("search.step", {"number": str(view.number), "all": str(view.of)})
    band = ui.persons_turn(title, said(step), ui.answer_line(Text("search.turn")))
    told = (
        [ui.box("warning", glyphs.WARNING, said(view.told[0], **BOLD), said(view.told[1]))]
        if view.told
        else []
    )
    ways = [f"search.{place}_{number}" for number in _WAYS]
    lines = [
        ui.row(
            glyphs.of_state(line.state),
            line.row,
            said(line.title),
            ui.note(line.seen) if line.seen else None,
        )
        for line in view.lines
    ]
    body = [
        *told,
        *ui.titled(
            "search.look_at", [ui.row(glyphs.PERSON, "", own(w)) for w in ways if has_text(w)]
        ),
        *ui.titled("search.known", lines),
        *([ui.small_print(view.mail)] if view.mail else []),
        *button_rows(_own_buttons(view)),
        input_text("seen_text", f"search.paste_{place}", _SEEN_MOST, isMultiline=True),
    ]
    go_on = submit(text("search.go_on"), "look_on", main=True, reads=True, place=place)
    return finished(kicker, band, body, [go_on])


def _own_buttons(view: SearchView) -> list[Element]:
    sign_in = [open_url(text("button.see_more"), view.sign_in_url)] if view.sign_in_url else []
    send = [submit(text("search.send"), "send_mail", channel=view.mailbox)] if view.sends else []
    again = [submit(text("button.check_again"), "check", channel=view.mailbox)]
    return [*sign_in, *send, *again]
