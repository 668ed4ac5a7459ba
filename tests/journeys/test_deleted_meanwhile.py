"""App that an administrator deletes in the portal while the run waits for a person."""

from __future__ import annotations

import time
from typing import Any

from adaptive_cards.texts import text
from practice.client import People, does, links
from practice.conversation import apps, band, words

LOOK_S = 150.0
"""Longest time until the bot finds that an object was deleted, in seconds.

It covers the first minute of a new app, the minute between two looks, and the delay of a slow
machine.
"""
LAST = {"graph.add_password", "exchange.New-HostedOutboundSpamFilterRule"}
"""Last changes of a setup. They never happen if the app is deleted before them."""
GONE = text("cause.app_deleted_meanwhile")


def test_the_card_says_what_is_gone(people: People, new_walk: Any) -> None:
    """If the app is deleted while a run waits for consent, the card says so without a press.

    The message with the consent loses its link. The bot does not make the app again by itself. The
    canceled run offers Undo.
    """
    walk = new_walk()
    walk.approve(walk.plan())
    asking = walk.card("a consent card", "look_again", link=True, seconds=40)
    people.until("all changes", lambda: set(walk.writes()) >= LAST, 60)
    app = apps(people)[0]["appId"]
    people.control("PATCH", "tenants/contoso.com", {"delete_application": app})
    deleted = time.monotonic()
    before = walk.writes()
    card = walk.saying(GONE, LOOK_S)
    print(f"deleted in the portal, told after {time.monotonic() - deleted:.0f} s")  # noqa: T201  a figure of docs/recovery.md
    assert "Administrator's turn" in band(card)
    assert "App registrations, Deleted applications" in words(card)
    assert "look_again" in does(card)
    walk.wait(
        "the consent's message without its link",
        lambda each: each["id"] == asking["id"] and not links(each),
    )
    assert [each for each in walk.writes()[len(before) :] if "application" in each] == []
    cancelled = walk.type(f"/cancel {walk.mailbox}")
    assert "undo" in does(cancelled)


def test_a_secret_is_missed_as_well(people: People, new_walk: Any) -> None:
    """If the client secret is deleted, the card names it, and Look again creates another one."""
    walk = new_walk()
    walk.approve(walk.plan(profile="least"))
    walk.form(60)
    none = {apps(people)[0]["appId"]: {"passwordCredentials": []}}
    people.control("PATCH", "tenants/contoso.com", {"applications": none})
    card = walk.saying(text("cause.secret_deleted_meanwhile"), LOOK_S)
    assert "Press Look again: the bot creates another secret" in words(card)
    assert "look_again" in does(card)
