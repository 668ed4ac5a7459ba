"""Card that asks who signs in for a shared mailbox, if the first card did not say so."""

from __future__ import annotations

from dataclasses import dataclass

from adaptive_cards.actions import buttons, cancel, submit, text_input
from adaptive_cards.card import Card, finished
from adaptive_cards.components import correction, kicker, persons_turn, turn_line
from adaptive_cards.elements import own
from adaptive_cards.texts import text
from adaptive_cards.views import Asked, Header
from jobs.model import Text, Turn


def delegate(view: DelegateView) -> Card:
    """Return the card with one field. A wrong address is kept in it, with the reason in red."""
    band = persons_turn(
        Text("delegate.title", {"mailbox": view.header.mailbox}),
        turn_line(Turn.REQUESTER, Text("delegate.turn")),
    )
    send = submit(text("button.continue"), "delegate", main=True, reads=True, run=view.header.run)
    asked = text_input("delegate", "field.delegate", style="email", error="field.delegate_error")
    asked["placeholder"] = text("field.delegate_example")
    typed = correction(asked, view.asked) if view.asked else asked
    body = [own("delegate.why", spacing="Small"), typed, buttons(send, spacing="Small")]
    return finished(kicker(view.header), band, body, [cancel(view.header.run)])


@dataclass(frozen=True, slots=True)
class DelegateView:
    """Question for the user who signs in. ``asked`` is the last address given, if it was wrong."""

    header: Header
    asked: Asked | None = None
