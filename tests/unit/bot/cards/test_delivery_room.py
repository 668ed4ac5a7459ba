"""Edits of a card in the thread, without asking Webex for its room."""

from __future__ import annotations

import pytest

from bot.cards import delivery
from tests.unit.bot.cards.small_card import card, plan_card

SENT = {"id": "message-1", "roomId": "room-1", "roomType": "group"}


@pytest.mark.parametrize(
    ("to", "room", "known"),
    [("anna@example.test", "direct-1", None), ("thread", "room-1", "room-1")],
)
def test_posting_and_editing_are_one_call_each(services, run, webex_script, reply, to, room, known):
    """An edit needs no lookup of its room.

    The thread's room is known, and that of a 1:1 message is in the response to its posting.
    """
    webex_script.on("POST", "/messages", reply(body={"id": "posted-1", "roomId": room}))
    for text in "abc":
        delivery.sync(services, run, card(text, to=to, urgency=text))
    assert [(method, body and body.get("roomId")) for method, _, body in webex_script.asked] == [
        ("POST", known),
        *[("PUT", room)] * 2,
    ]


@pytest.mark.parametrize(
    "posted",
    [{"id": "posted-1", "roomId": "direct-1"}, {"id": "posted-1"}],
    ids=["room known", "room not told"],
)
def test_a_direct_card_that_somebody_deleted(services, run, webex_script, reply, posted):
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
    shown = plan_card(services, run)
    assert (shown.message, shown.room) == ("posted-2", "direct-1")


def test_a_room_that_webex_did_not_tell_is_asked_once(services, run, webex_script, reply):
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
