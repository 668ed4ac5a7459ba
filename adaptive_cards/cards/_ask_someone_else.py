"""Part of a card that forwards the request to another person in a 1:1 message."""

from __future__ import annotations

from adaptive_cards.actions import buttons, show_card, submit, text_input
from adaptive_cards.components import correction
from adaptive_cards.elements import Element, own
from adaptive_cards.texts import text
from adaptive_cards.views import Asked


def ask_someone(  # noqa: PLR0913  a button, a field, and what was typed before
    title: str,
    do: str,
    run_id: str,
    asked: Asked | None,
    *,
    hint: str = "",
    who: str = "administrator",
) -> tuple[list[Element], list[Element]]:
    """Return the elements for the body and the actions of the card.

    ``who`` is the person whom the field's texts name. The field is in a part that opens. If an
    invalid address was typed, the field is shown open and in red.
    """
    field = text_input("administrator", f"field.{who}", style="email", error=f"field.{who}_error")
    field["placeholder"] = text(f"field.{who}_example")
    send = submit(text("button.send_direct"), do, reads=True, run=run_id)
    if asked is None:
        told = [own(hint, size="Small", isSubtle=True)] if hint else []
        return [], [show_card(title, [*told, field], send)]
    return [correction(field, asked), buttons(send, spacing="Small")], []
