"""Cards and links of an older version: this version edits the cards and accepts the links."""

from __future__ import annotations

import hashlib

from redis import Redis

from bot import links
from bot.cards.presenters.card_state import PostedCard, posted_card, was_posted, was_refused
from bot.services import Services
from jobs.runs import schema
from tests.fixtures.older_data import seal_as_layout_2


def migrate(services: Services, old_data: Redis) -> None:
    """Migrate the old data, after its audit trail is sealed with the key of these services."""
    seal_as_layout_2(old_data, services.settings.encryption_keys)
    schema.ensure(old_data, services.settings.encryption_keys)


def test_posted_cards_are_known(services: Services, old_data: Redis):
    """Old records of posted cards are read: the message, the room, answers and refused posts."""
    migrate(services, old_data)
    signin, done = (
        posted_card(services, "SIGNED", "signin"),
        posted_card(services, "DONE22", "done"),
    )
    assert signin is not None
    assert done is not None
    assert signin == PostedCard(
        "message-1", "room-1", "0123456789abcdef", "administrator", signin.at, 3, "sign in"
    )
    assert done == PostedCard("message-2", "", "fedcba9876543210", "", done.at)
    assert (
        was_posted(services, "DONE22", "answer:cancel"),
        was_refused(services, "SIGNED", "plan"),
    ) == (
        True,
        True,
    )


def test_links_lead_where_they_led(services: Services, old_data: Redis):
    """A link of an older version is found by the hash of its token."""
    old_data.rename("ticket:" + "a" * 64, "ticket:" + hashlib.sha256(b"token").hexdigest())
    old_data.expire("ticket:" + hashlib.sha256(b"token").hexdigest(), 600)
    migrate(services, old_data)
    ticket = links.read(services, "signin", "token")
    assert ticket is not None
    assert ticket.run == "SIGNED"
