"""Edits of a card in the thread, without asking Webex for its room."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cryptography.fernet import Fernet
from redis import Redis

from adaptive_cards import Card
from bot.cards import delivery
from bot.cards.presenters.card_state import DesiredCard, posted_card
from bot.chat import audience
from bot.services import Services
from bot.settings import BotSettings
from bot.webex.client import Webex
from jobs.model import Channel, Person
from jobs.runs.run import Origin, Run
from jobs.settings import Settings
from tests.unit.bot.cards.small_card import card

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


def test_the_room_of_a_direct_card_is_known(
    services: Services, run: Run, webex_script: Any, reply: Any
):
    """The room of a direct card comes from the response to its posting.

    An edit therefore needs no lookup.
    """
    webex_script.on(
        "POST",
        "/messages",
        reply(body={"id": "posted-1", "roomId": "direct-1", "roomType": "direct"}),
    )
    delivery.sync(services, run, card("a", to="anna@example.test"))
    delivery.sync(services, run, card("b", to="anna@example.test", urgency="x"))
    assert [(method, body and body.get("roomId")) for method, _, body in webex_script.asked] == [
        ("POST", None),
        ("PUT", "direct-1"),
    ]


@pytest.mark.parametrize(
    "posted",
    [{"id": "posted-1", "roomId": "direct-1"}, {"id": "posted-1"}],
    ids=["room known", "room not told"],
)
def test_a_direct_card_that_somebody_deleted(
    services: Services, run: Run, webex_script: Any, reply: Any, posted: dict[str, str]
):
    """A deleted direct card is posted again, also if only the lookup of its room gives 404."""
    gone = reply(404, {"message": "gone"})
    webex_script.on(
        "POST",
        "/messages",
        reply(body=posted),
        reply(body={"id": "posted-2", "roomId": "direct-1"}),
    )
    webex_script.on("PUT", "/messages/posted-1", gone)
    webex_script.on("GET", "/messages/posted-1", gone)
    delivery.sync(services, run, card("a", to="anna@example.test"))
    delivery.sync(services, run, card("b", to="anna@example.test", urgency="x"))
    shown = posted_card(services, run.id, "plan")
    assert shown is not None
    assert (shown.message, shown.room) == ("posted-2", "direct-1")


def test_a_room_that_webex_did_not_tell_is_asked_once(
    services: Services, run: Run, webex_script: Any, reply: Any
):
    """If the room of a direct card is unknown, Webex is asked for it once."""
    webex_script.on(
        "GET",
        "/messages/posted-1",
        reply(body={"id": "posted-1", "roomId": "direct-1", "roomType": "direct"}),
    )
    delivery.sync(services, run, card("a", to="anna@example.test"))
    delivery.sync(services, run, card("b", to="anna@example.test", urgency="x"))
    delivery.sync(services, run, card("c", to="anna@example.test", urgency="y"))
    assert [(m, p) for m, p, _ in webex_script.asked if m == "GET"] == [
        ("GET", "/messages/posted-1")
    ]
    assert webex_script.asked[-1][2]["roomId"] == "direct-1"
