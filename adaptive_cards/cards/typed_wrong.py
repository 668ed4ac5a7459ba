"""Card for an unreadable address after a command.

It shows the typed text, the reason, and the nearest valid address if there is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adaptive_cards import glyphs
from adaptive_cards.actions import ADDRESS_MOST, buttons, fit_title, submit, text_input
from adaptive_cards.card import Card, finished
from adaptive_cards.components import kicker_of, persons_turn, turn_line
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
from adaptive_cards.escape import plain
from adaptive_cards.glyphs import glyph
from adaptive_cards.texts import text
from adaptive_cards.times import day_clock
from jobs.model import Text, Turn


def typed_wrong(view: TypedWrongView) -> Card:
    """Return the card for an address that cannot be read, after which nothing was started.

    One button runs the command with the suggested address, and the field accepts any other.
    """
    band = persons_turn(Text("typed.title"), turn_line(Turn.REQUESTER, Text("typed.turn")))
    why = (
        own("field.mailbox_error")
        if not view.suggestion
        else said(Text("typed.meant", {"address": view.suggestion}))
    )
    body = [
        _label_row(
            "typed.typed", rich(run(f"/{view.command} {view.value}".rstrip(), **MONO)), "Medium"
        ),
        _label_row("typed.why", said(view.reason), "Small"),
        container(
            "attention",
            _field(view),
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


def _field(view: TypedWrongView) -> Element:
    field = text_input(
        "mailbox", "field.mailbox_address", style="email", error="field.mailbox_error"
    )
    return field | ({"value": plain(view.value, ADDRESS_MOST)} if view.value else {})


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
