"""Edits of a card in the thread, without asking Webex for its room."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cryptography.fernet import Fernet
from redis import Redis

from adaptive_cards import Card
from bot.cards import delivery
from bot.cards.presenters.card_state import DesiredCard
from bot.chat import audience
from bot.services import Services
from bot.settings import BotSettings
from bot.webex.client import Webex
from jobs.model import Channel, Person
from jobs.runs.origin import Origin
from jobs.settings import Settings

SENT = {"id": "message-1", "roomId": "room-1", "roomType": "group"}


def test_posting_and_editing_are_one_call_each(
    settings: BotSettings, redis: Redis, webex: Webex, webex_script: Any, reply: Any
):
    """Posting and editing a card take one call each.

    The thread's room is known, and the room of a 1:1 message is in the response to its posting.
    """
    services = Services.of(
        settings,
        Settings("https://bot.test", "", "client", "secret", (Fernet.generate_key().decode(),)),
        redis,
        webex,
    )
    run = services.store.open(
        Channel("support@contoso.com"), Person("ann", "ann@contoso.com"), Origin("room-1", "root")
    )
    audience.mark_members_checked(services, "room-1")
    webex_script.on("POST", "/messages", reply(200, SENT))
    webex_script.on("PUT", "/messages/message-1", reply(200, SENT))
    for slot, to in (("progress", "thread"), ("form", "ann@contoso.com")):
        card = DesiredCard(slot, Card({"type": "AdaptiveCard"}, "text"), "first", to)
        delivery.sync(services, run, card)
        delivery.sync(services, run, replace(card, fingerprint="second", urgency="news"))
        delivery.sync(services, run, replace(card, fingerprint="third", urgency="more news"))
    asked = [method for method, _, _ in webex_script.asked]
    assert asked == ["POST", "PUT", "PUT", "POST", "PUT", "PUT"]
    assert {body["roomId"] for method, _, body in webex_script.asked if method == "PUT"} == {
        "room-1"
    }
