"""Webex as its reference describes it, in which no card is ever edited.

The space is not filled with cards that ask for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from practice.client import People
from practice.conversation import band, words
from tests.journeys.made_once import one_of_each

CARDS_MAY_LAG = {
    "test_webex_that_refuses_edits_and_sends_twice",
    "test_a_card_is_posted_for_a_person",
}
FOR_NOBODY = "Nobody has to act"
IDLE_MOST = len(("the first of the steps", "the test mail's", "the end"))
SETUP_MOST = 18
"""Maximum number of cards that a setup may post.

They are the first card, the sign-in, the plan, consent, the rehearsal, three of the form, two of
the mail, the end, and whose turn it is.
"""


@pytest.fixture
def reference(people: People) -> Iterator[People]:
    """People of a Webex that refuses edits of cards, with a slow directory."""
    people.control("PUT", "webex/options", {"card_edits": False})
    people.control("PUT", "settings", {"replication_s": 2.0})
    yield people
    people.control("PUT", "webex/options", {"card_edits": True, "duplicates": 0, "read_lag_s": 0.0})
    people.control("PUT", "settings", {"replication_s": 0.5})


def posted(people: People, since: int) -> list[dict[str, Any]]:
    """Return the bot's cards since that change, except the one that greets the space."""
    people.look()
    mine = [
        each
        for each in people.messages.values()
        if each["change"] > since and each["from"].endswith("@webex.bot")
    ]
    return [each for each in mine if "This bot connects a mailbox" not in words(each)]


def said_twice(cards: list[dict[str, Any]]) -> list[str]:
    """Return the cards that ask the same as the previous card of their stage.

    The news of such a card could have waited.
    """
    asks = [
        (
            words(card).splitlines()[0],
            [line for line in words(card).splitlines() if line.startswith("▌")][1:2]
            + [line for line in words(card).splitlines() if line.startswith("Also: ")],
        )
        for card in cards
    ]
    before: dict[str, list[str]] = {}
    twice = []
    for stage, turn in asks:
        twice += [f"{stage}: {turn}"] if before.get(stage) == turn else []
        before[stage] = turn
    return twice


def test_webex_that_refuses_edits_and_sends_twice(reference: People, new_walk: Any) -> None:
    """If cards cannot be edited, news for a person is posted as new cards in the thread.

    Events that arrive twice do nothing twice.
    """
    reference.control(
        "PUT", "webex/options", {"card_edits": False, "duplicates": 2, "read_lag_s": 0.3}
    )
    walk = new_walk()
    wrong = walk.press(walk.ask(), "intake", walk.right(callback_url="http://x.example/callback"))
    assert "One field needs a correction" in words(wrong)
    walk.open(walk.details())
    walk.approve(walk.card("a plan card", "approve"))
    walk.consent()
    walk.form()
    mine = [
        each
        for each in reference.messages.values()
        if each["change"] > walk.since and each["from"].endswith("@webex.bot")
    ]
    assert {each["edits"] for each in mine} == {0}
    assert {
        each["parentId"]
        for each in mine
        if each["roomType"] == "group" and "Help" not in words(each)
    } == {walk.said["id"]}
    assert said_twice(mine) == []
    one_of_each(walk)


def test_a_card_is_posted_for_a_person(reference: People, new_walk: Any) -> None:
    """Without edits, almost every card that is posted asks a person to do something.

    The exceptions in a setup are the first card of the steps, the first card of the mail, and the
    end. The exception in a check is the first card.
    """
    walk = new_walk()
    walk.approve(walk.plan())
    walk.consent()
    walk.fill_in()
    walk.skip()
    walk.answer()
    walk.done()
    bands = [band(card) for card in posted(reference, walk.since)]
    idle = [each.splitlines()[0] for each in bands if FOR_NOBODY in each]
    assert (len(idle) <= IDLE_MOST, len(bands) <= SETUP_MOST) == (True, True), bands
    since = reference.change
    walk.type(f"/check {walk.mailbox}")
    walk.wait("the verdict", lambda each: "Nothing wrong seen yet" in band(each), after=since)
    looks = [band(card).splitlines()[0] for card in posted(reference, since)]
    assert (len(looks) <= len(("looking", "the verdict")), "Last proven" in looks[-1]) == (
        True,
        True,
    ), looks
