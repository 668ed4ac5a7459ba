"""Fields of the newest card for Webex Connect, so that people need not copy ten lines by hand."""

from contextlib import suppress

from practice import cardtext
from practice.conversation import FORM, connect_fields
from practice.page import relay
from practice.page.addresses import Json, Places


def filled(places: Places) -> Json:
    """Return the fields of Webex Connect's form, without the secret.

    The result is empty until a card shows the fields. Only the one-time page shows the secret.
    """
    answer = relay.client(places.ca_path).get(f"{places.cloud}/practice/webex/messages")
    shown = [each for each in answer.raise_for_status().json()["items"] if not each.get("deleted")]
    cards = (each["card"] for each in shown if each["card"])
    return next(filter(None, map(_fields, reversed([*cards]))), {})


def _fields(card: Json) -> Json:
    """Return the fields that the card shows, or an empty object if it lacks one of them."""
    with suppress(KeyError):
        return connect_fields({key: cardtext.value(card, label) for label, key in FORM.items()})
    return {}
