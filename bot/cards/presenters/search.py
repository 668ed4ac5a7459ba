"""Card of a search for missing mail, which moves from one place to the next."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from adaptive_cards import components as ui, glyphs
from adaptive_cards.actions import button_rows, input_text, open_url, submit
from adaptive_cards.card import Card, finished
from adaptive_cards.elements import BOLD, own, said
from adaptive_cards.texts import has_text, text
from jobs.checks.reading import Line
from jobs.model import Text

_SEEN_MOST = 2000


def search(  # noqa: PLR0913  everything that the card shows
    mailbox: str,
    at: datetime,
    place: str,
    number: int,
    of: int,
    *,
    lines: Sequence[Line] = (),
    told: tuple[Text, Text] | None = None,
    mail: Text | None = None,
    sends: bool = False,
    sign_in_url: str = "",
) -> Card:
    """Return the card of one place of a search.

    ``lines`` are what the newest check says of the place. ``told`` is what a pasted text or the
    newest check means: a sentence and what to do. ``mail`` says where the test mail is. ``sends``
    offers to send one. ``sign_in_url`` leads to what the check could not read.
    """
    kicker = ui.kicker_at("search.kicker", at, mailbox=mailbox)
    title = Text(f"search.title_{place}")
    step = Text("search.step", {"number": str(number), "all": str(of)})
    band = ui.persons_turn(title, said(step), ui.answer_line(Text("search.turn")))
    means = told and [ui.box("warning", glyphs.WARNING, said(told[0], **BOLD), said(told[1]))]
    ways = [own(way) for way in (f"search.{place}_{each}" for each in "12345") if has_text(way)]
    known = [
        ui.row(
            glyphs.of_state(line.found.state),
            line.row,
            said(line.title),
            ui.note(line.found.seen) if line.found.seen else None,
        )
        for line in lines
    ]
    sign_in = [open_url(text("button.see_more"), sign_in_url)] if sign_in_url else []
    send = [submit(text("search.send"), "send_mail", channel=mailbox)] if sends else []
    again = submit(text("button.check_again"), "check", channel=mailbox)
    body = [
        *(means or ()),
        *ui.titled("search.look_at", [ui.row(glyphs.PERSON, "", way) for way in ways]),
        *ui.titled("search.known", known),
        *([ui.small_print(mail)] if mail else []),
        *button_rows([*sign_in, *send, again]),
        input_text("seen_text", f"search.paste_{place}", _SEEN_MOST, isMultiline=True),
    ]
    go_on = submit(text("search.go_on"), "look_on", main=True, reads=True, place=place)
    return finished(kicker, band, body, [go_on])
