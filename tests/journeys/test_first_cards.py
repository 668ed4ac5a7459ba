"""Wrong input at the beginning of a setup.

People get a clear answer, their values are kept, and nothing is changed.
"""

from __future__ import annotations

from typing import Any

import pytest

from practice.client import People, does
from practice.conversation import band, space, words

SHARES_STACK = True


@pytest.mark.parametrize(
    ("typed", "why", "meant"),
    [
        (
            "support@contoso,com",
            "The domain contains a comma instead of a dot.",
            "support@contoso.com",
        ),
        ("support.contoso.com", "An address has an @ between its name and its domain.", ""),
    ],
)
def test_malformed_address(new_walk: Any, typed: str, why: str, meant: str) -> None:
    """A malformed address gets a card that names the mistake and offers a correction.

    The card has a field for any other address.
    """
    walk = new_walk()
    card = walk.type(f"/setup-email {typed}")
    assert why in words(card)
    assert ("mailbox_meant" in str(card["card"])) is bool(meant)
    data = {"do": "typed", "mailbox_meant": meant} if meant else {"do": "typed"}
    asked = walk.press(
        card, "typed", data=data, inputs={} if meant else {"mailbox": "support@contoso.com"}
    )
    assert ("intake" in does(asked), "support@contoso.com" in words(asked), walk.writes()) == (
        True,
        True,
        [],
    )


@pytest.mark.parametrize("command", ["fix", "undo", "tac", "audit"])
def test_a_corrected_address_runs_its_own_command(new_walk: Any, command: str) -> None:
    """A corrected address runs the command that was typed, not a setup."""
    walk = new_walk()
    card = walk.type(f"/{command} nobody@contoso,com")
    asked = walk.press(card, "typed", data={"do": "typed", "mailbox_meant": "nobody@contoso.com"})
    assert "nobody@contoso.com was not set up in this space" in words(asked)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (
            {"callback_url": "http://contoso.us.webexconnect.io/callback"},
            "It must begin with https://",
        ),
        ({"forwarding_address": "support@contoso.com"}, "This is the mailbox itself."),
    ],
)
def test_wrong_details(new_walk: Any, wrong: dict[str, str], why: str) -> None:
    """A wrong field brings back the same card, with that field named and every value kept.

    After the correction the setup continues.
    """
    walk = new_walk()
    values = {**walk.right(lifetime="24", profile="least", keep_copy="no"), **wrong}
    card = walk.press(walk.ask(), "intake", values)
    assert (why in words(card), band(card).splitlines()[0]) == (
        True,
        "◆  One field needs a correction",
    )
    assert all(value in str(card["card"]) for value in values.values())
    walk.people.press(walk.requester, card, "intake", walk.right())
    assert (
        walk.card("a sign-in card", "ask_administrator", link=True)["parentId"] == walk.said["id"]
    )
    assert walk.writes() == []


@pytest.mark.parametrize(
    ("mailbox", "says"),
    [
        ("sales@contoso.com", "group"),
        ("nobody@contoso.com", "nobody@contoso.com"),
        ("disabled@contoso.com", "disabled@contoso.com"),
        ("unlicensed@contoso.com", "unlicensed@contoso.com"),
    ],
)
def test_mailbox_that_cannot_be_connected(new_walk: Any, mailbox: str, says: str) -> None:
    """A group or a missing, blocked or unlicensed mailbox gives a plan that cannot be approved.

    The plan says why and offers Look again.
    """
    walk = new_walk(mailbox)
    walk.ask()
    walk.open(walk.details())
    plan = walk.card("a plan that is blocked", "look_again")
    assert "approve" not in does(plan)
    assert [line for line in words(plan).splitlines() if line.startswith("✗") and says in line], (
        words(plan)
    )
    assert walk.writes() == []


def test_licence_given_meanwhile(people: People, new_walk: Any) -> None:
    """Look again reads the tenant again: after a license is added, the plan can be approved."""
    walk = new_walk("unlicensed@contoso.com")
    walk.ask()
    walk.open(walk.details())
    blocked = walk.card("a plan that is blocked", "look_again")
    people.control(
        "PATCH", "tenants/contoso.com", {"users": {walk.mailbox: {"licensed": True, "mailbox": {}}}}
    )
    walk.people.press(walk.requester, blocked, "look_again")
    walk.card("a plan to approve", "approve")
    people.control(
        "PATCH",
        "tenants/contoso.com",
        {"users": {walk.mailbox: {"licensed": False, "mailbox": None}}},
    )


def test_wrong_person_presses(new_walk: Any) -> None:
    """A colleague's presses are refused, and the requester's still count."""
    walk = new_walk()
    first = walk.ask()
    refused = walk.press(first, "intake", walk.right(), who="colleague@contoso.com")
    assert "This button is not for you. Nothing was changed." in words(refused)
    walk.open(walk.details())
    plan = walk.card("a plan card", "approve")
    for who in ("colleague@contoso.com", "admin@contoso.com"):
        assert "Nothing was changed" in words(walk.press(plan, "approve", who=who))
    assert walk.writes() == []


def test_card_pressed_twice_and_old_cards(new_walk: Any) -> None:
    """A press of an old card or a second Approve changes nothing and says so.

    The old cards are the first card and a plan that is no longer in force.
    """
    walk = new_walk()
    first = walk.ask()
    walk.details()
    assert "earlier stage" in words(walk.press(first, "intake", walk.right(), version=0))
    walk.open(walk.card("a sign-in card", "ask_administrator", link=True))
    old = walk.card("a plan card", "approve", "least_privilege")
    walk.people.press(walk.requester, old, "least_privilege")
    walk.people.until(
        "a plan without E2",
        lambda: "E2" not in words(walk.card("a plan card", "approve")).partition("Commands")[0],
    )
    assert "earlier stage" in words(walk.press(old, "approve", version=old["edits"]))
    assert walk.writes() == []
    plan = walk.card("a plan card", "approve")
    walk.people.press(walk.requester, plan, "approve")
    walk.form()
    before = walk.people.change
    walk.people.press(walk.requester, plan, "approve", version=plan["edits"])
    walk.saying("Nothing was changed", after=before)


def test_second_setup_while_one_runs(people: People, new_walk: Any) -> None:
    """A second setup of the same mailbox from another space is pointed to the running run.

    Two mailboxes can be set up in one space at the same time.
    """
    walk = new_walk()
    walk.ask()
    other = new_walk(room=space(people))
    answer = other.ask()
    assert (
        band(answer)
        .splitlines()[0]
        .startswith("support@contoso.com is already being set up, in run ")
    )
    assert "The newest card is in the space " in words(answer)
    beside = new_walk("service@contoso.com", room=walk.room)
    beside.ask()
    shown = words(walk.type("/status"))
    assert [name in shown for name in ("support@contoso.com", "service@contoso.com")] == [
        True,
        True,
    ]
    which = walk.type("/cancel")
    assert "More than one run is in progress here" in words(which)
    assert "was canceled" in words(walk.press(which, "cancel"))
