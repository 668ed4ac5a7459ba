"""Card that offers commands as buttons to a person who has typed none, or only a part of one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adaptive_cards.actions import TITLE_MOST, buttons, in_rows, press, submit, text_input
from adaptive_cards.card import Card, finished
from adaptive_cards.components import Band, kicker_of, turn_line
from adaptive_cards.elements import Element, rich, run, said
from adaptive_cards.escape import plain, shorten
from adaptive_cards.texts import render, text
from adaptive_cards.times import day_clock
from jobs.model import Text, Turn

OFFERS_MOST = 4
"""Number of buttons of a card that also has a field with its own button.

A card takes five buttons in all.
"""


def offer(view: OfferView) -> Card:
    """Return the card. Each button names the command or the channel that it stands for.

    If a name is too long for a button, it is written in full above the button.
    """
    lines = [said(line, spacing="Small") for line in view.lines]
    if view.turn is not None:
        lines.insert(0, turn_line(Turn.REQUESTER, view.turn))
    band = Band.of("emphasis", None, view.title, *lines)
    body = _offers(view.offers)
    actions: list[Element] = []
    if view.field:
        body.append(
            text_input(
                "mailbox", "field.mailbox_address", style="email", error="field.mailbox_error"
            )
        )
        actions.append(
            submit(text("button.continue_field"), "typed", reads=True, command=view.field)
        )
    return finished(kicker_of(view.kicker, day_clock(view.at)), band, body, actions)


def _offers(offers: tuple[Offer, ...]) -> list[Element]:
    found: list[Element] = []
    short: list[Element] = []
    for each in offers:
        title = plain(render(each.title))
        action = press(shorten(title, TITLE_MOST), each.data)
        if len(title) <= TITLE_MOST:
            short.append(action)
        else:
            found += [rich(run(title), spacing="Medium"), buttons(action, spacing="Small")]
    rows = [
        buttons(*row, spacing="Small" if at else "Medium") for at, row in enumerate(in_rows(short))
    ]
    return rows + found


@dataclass(frozen=True, slots=True)
class Offer:
    """Button: its title, and the data that it sends."""

    title: Text
    data: dict[str, str]


@dataclass(frozen=True, slots=True)
class OfferView:
    """Title, what the person does next (``turn``) and further lines, and what is offered.

    ``field`` is the command for which the card also takes a typed address. If it is empty, the card
    has no field.
    """

    kicker: Text
    title: Text
    offers: tuple[Offer, ...]
    at: datetime
    turn: Text | None = None
    lines: tuple[Text, ...] = ()
    field: str = ""
