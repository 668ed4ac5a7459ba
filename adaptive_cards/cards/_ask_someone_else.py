"""The part of a card that passes it on to somebody else in a 1:1 message."""

from __future__ import annotations

from adaptive_cards.actions import ADDRESS_MOST, buttons, show_card, submit, text_input
from adaptive_cards.components import in_error
from adaptive_cards.elements import Element, own, rich, run
from adaptive_cards.escape import plain
from adaptive_cards.texts import render, text
from adaptive_cards.views import Asked


def ask_someone(title: str, do: str, run_id: str, asked: Asked | None, *, hint: str = "") -> tuple[list[Element], list[Element]]:
    """For the body and for the actions: a part that opens; or the field, open and in red, where an address was typed that is none."""
    field = text_input("administrator", "field.administrator", style="email", error="field.administrator_error")
    field["placeholder"] = text("field.administrator_example")
    send = submit(text("button.send_direct"), do, reads=True, run=run_id)
    if asked is None:
        told = [own(hint, size="Small", isSubtle=True)] if hint else []
        return [], [show_card(title, [*told, field], send)]
    kept = {"value": plain(asked.typed, ADDRESS_MOST)} if asked.typed else {}
    return [in_error(field | kept, rich(run(render(asked.reason)))), buttons(send, spacing="Small")], []
