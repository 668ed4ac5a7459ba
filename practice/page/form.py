"""Fields of the newest card for Webex Connect, so that people need not copy ten lines by hand."""

from __future__ import annotations

from practice import cardtext
from practice.client import does
from practice.page import relay
from practice.page.addresses import Json, Places
from practice.scenario import FORM, connect_fields


def filled(places: Places) -> Json:
    """Return the fields of Webex Connect's form, without the secret.

    The result is empty until a card shows the fields. Only the one-time page shows the secret.
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
