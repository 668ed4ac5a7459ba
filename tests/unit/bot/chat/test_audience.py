"""Cards that are drawn after a person of another organization has joined the space."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from adaptive_cards import Card
from adaptive_cards.texts import text
from bot.cards import delivery
from bot.cards.presenters.card_state import DesiredCard
from bot.chat import audience
from jobs.runs.run import Origin

CARD = Card({"type": "AdaptiveCard", "version": "1.3", "body": []}, "Setting up")


@pytest.fixture
def members(webex_script, reply) -> Callable[..., None]:
    """Return a function that makes Webex list the given addresses as members of the space."""

    def script(*emails: str) -> None:
        items = [
            {"id": f"ms-{each}", "roomId": "room-1", "personId": each, "personEmail": each}
            for each in emails
        ]
        webex_script.on("GET", "/memberships", reply(body={"items": items}))

    return script


def asked(webex_script: Any) -> int:
    """Return the number of times Webex was asked for the members of a space."""
    return sum("/memberships" in path for _, path, _ in webex_script.asked)


def test_an_outsider_who_joined_sees_no_new_card(services, begin, said, members):
    """After an outsider joins, the space gets one notice and no new card.

    Posted cards stay as they are, and 1:1 cards continue.
    """
    run = begin()
    delivery.sync(services, run, DesiredCard("plan", CARD, "1", urgency="a"))
    audience.members_changed(services, "room-1")
    members("anna@example.test", "eve@evil.test")
    waits = [
        delivery.sync(services, run, DesiredCard("plan", CARD, "2", urgency="b")),
        delivery.sync(services, run, DesiredCard("done", CARD, "1")),
    ]
    told = delivery.sync(services, run, DesiredCard("connect", CARD, "1", to="anna@example.test"))
    assert (waits, told) == ([audience.HELD_S, audience.HELD_S], 0)
    assert [words.splitlines()[0] for _, words in said()] == [
        "Setting up",
        said()[1][1].splitlines()[0],
        "Setting up",
    ]
    assert text("notice.held_title") in said()[1][1]


def test_once_the_outsider_has_left_the_cards_go_on(services, begin, said, members):
    """After the outsider has left the space, the next try posts the card in its newest state."""
    run = begin()
    audience.members_changed(services, "room-1")
    members("eve@evil.test")
    assert delivery.sync(services, run, DesiredCard("plan", CARD, "1")) == audience.HELD_S
    members("anna@example.test")
    assert delivery.sync(services, run, DesiredCard("plan", CARD, "1")) == 0
    assert said()[-1] == ("POST", "Setting up")


def test_a_space_is_not_asked_about_for_every_card(services, begin, webex_script, members):
    """The members of a space are checked once per half minute, and never for a 1:1 room.

    They are checked again when someone has joined.
    """
    run = begin()
    members("anna@example.test")
    audience.members_changed(services, "room-1")
    assert [audience.may_read(services, run) for _ in range(3)] == [True, True, True]
    assert asked(webex_script) == 1
    assert 0 < services.redis.ttl("space:room-1:ours") <= audience.CHECKED_FOR_S
    assert audience.may_read(services, replace(run, origin=Origin("room-2", direct=True)))
    assert asked(webex_script) == 1
