"""App that an administrator deletes in the portal while the run waits for a person."""

from __future__ import annotations

import time
from typing import Any

from adaptive_cards.texts import text
from practice.client import People, does, links
from practice.conversation import apps, band, words

NEW_S = 61.0
"""Time for which a new object is not looked at, in seconds, and a second more."""
LOOK_S = 40.0
"""Longest time from a press until the card says what was deleted, in seconds."""
LAST = {"graph.add_password", "exchange.New-HostedOutboundSpamFilterRule"}
"""Last changes of a setup. They never happen if the app is deleted before them."""
GONE = text("cause.app_deleted_meanwhile")


def test_the_card_says_what_is_gone(people: People, new_walk: Any) -> None:
    """If the app is deleted while a run waits for consent, the card says so at the next press.

    The message with the consent loses its link. The bot does not make the app again by itself. The
    canceled run offers Undo.
    """
    walk = new_walk()
    walk.approve(walk.plan())
    asking = walk.card("a consent card", "look_again", link=True, seconds=40)
    people.until("all changes", lambda: set(walk.writes()) >= LAST, 60)
    app = apps(people)[0]["appId"]
    people.control("PATCH", "tenants/contoso.com", {"delete_application": app})
    time.sleep(NEW_S)
    before = walk.writes()
    people.press(walk.requester, asking, "look_again")
    card = walk.saying(GONE, LOOK_S)
    assert "admin@contoso.com's turn" in band(card)
    assert "App registrations, Deleted applications" in words(card)
    assert "look_again" in does(card)
    walk.wait(
        "the consent's message without its link",
        lambda each: each["id"] == asking["id"] and not links(each),
    )
    assert [each for each in walk.writes()[len(before) :] if "application" in each] == []
    walk.type(f"/cancel {walk.mailbox}")
    walk.card("the canceled run", "undo")


def test_a_secret_is_missed_as_well(people: People, new_walk: Any) -> None:
    """If the client secret is deleted, the card names it, and Look again creates another one."""
    walk = new_walk()
    walk.approve(walk.plan(profile="least"))
    form = walk.form(60)
    none = {apps(people)[0]["appId"]: {"passwordCredentials": []}}
    people.control("PATCH", "tenants/contoso.com", {"applications": none})
    time.sleep(NEW_S)
    people.press(walk.requester, form, "token_saved")
    card = walk.saying(text("cause.secret_deleted_meanwhile"), LOOK_S)
    assert "Press Look again: the bot creates another secret" in words(card)
    assert "look_again" in does(card)
