"""Fields of the newest card for Webex Connect, so that people need not copy ten lines."""

from __future__ import annotations

from practice import cardtext
from practice.client import does
from practice.page import relay
from practice.page.addresses import Json, Places
from practice.scenario import FORM, connect_fields


def filled(places: Places) -> Json:
    """Return the form's fields without the secret; empty until there is such a card.

    Only the one-time page shows the secret.
    """
    answer = relay.client(places.ca_path).get(f"{places.cloud}/practice/webex/messages")
    answer.raise_for_status()
    cards = [
        message["card"]
        for message in answer.json()["items"]
        if message["card"] and not message["deleted"] and "token_saved" in does(message)
    ]
    return _fields(cards[-1]) if cards else {}


def _fields(card: Json) -> Json:
    return connect_fields({key: cardtext.value(card, label) for label, key in FORM.items()})
