"""Cards for a person who has typed no command, only a part of one, or an unreadable address."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adaptive_cards import glyphs
from adaptive_cards.actions import (
    ADDRESS_MOST,
    TITLE_MOST,
    buttons,
    fit_title,
    in_rows,
    press,
    submit,
    text_input,
)
from adaptive_cards.card import Card, finished
from adaptive_cards.components import Band, answer_line, kicker_of, persons_turn
from adaptive_cards.elements import (
    MONO,
    SUBTLE,
    Element,
    column,
    columns,
    container,
    own,
    rich,
    run,
    said,
)
from adaptive_cards.escape import plain, shorten
from adaptive_cards.glyphs import glyph
from adaptive_cards.texts import render, text
from adaptive_cards.times import day_clock
from jobs.model import Text

OFFERS_MOST = 4
"""Number of buttons of a card that also has a field with its own button.

A card takes five buttons in all.
"""


def offer(view: OfferView) -> Card:
    # If a name is too long for a button, it is written in full above the button.
    lines = [said(line, spacing="Small") for line in view.lines]
    if view.turn is not None:
        lines.insert(0, answer_line(view.turn))
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


def typed_wrong(view: TypedWrongView) -> Card:
    band = persons_turn(Text("typed.title"), answer_line(Text("typed.turn")))
    why = (
        own("field.mailbox_error")
        if not view.suggestion
        else said(Text("typed.meant", {"address": view.suggestion}))
    )
    typed_field = text_input(
        "mailbox", "field.mailbox_address", style="email", error="field.mailbox_error"
    )
    body = [
        _label_row(
            "typed.typed", rich(run(f"/{view.command} {view.value}".rstrip(), **MONO)), "Medium"
        ),
        _label_row("typed.why", said(view.reason), "Small"),
        container(
            "attention",
            typed_field | ({"value": plain(view.value, ADDRESS_MOST)} if view.value else {}),
            columns(
                glyph(glyphs.WRONG),
                column("stretch", why, spacing="None"),
                spacing="Small",
            ),
        ),
    ]
    if view.suggestion:
        meant = submit(
            fit_title("button.use", view.suggestion),
            "typed",
            main=True,
            command=view.command,
            mailbox_meant=view.suggestion,
        )
        body.append(buttons(meant))
    field = submit(
        text("button.continue_field"),
        "typed",
        main=not view.suggestion,
        reads=True,
        command=view.command,
    )
    actions = [field, submit(text("button.help"), "help")]
    return finished(kicker_of(Text("typed.kicker"), day_clock(view.at)), band, body, actions)


def _label_row(label: str, value: Element, spacing: str) -> Element:
    return columns(
        column("80px", own(label, **SUBTLE)),
        column("stretch", value, spacing="Small"),
        spacing=spacing,
    )


@dataclass(frozen=True, slots=True)
class TypedWrongView:
    """Unreadable address after a command.

    It has the command (without the slash), the typed text, the reason, and the nearest valid
    address or an empty string.
    """

    command: str
    value: str
    reason: Text
    suggestion: str
    at: datetime
