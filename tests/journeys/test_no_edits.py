"""Webex as its reference describes it, in which no card is ever edited.

The space is not filled with cards that ask for nothing.
"""

import pytest

from practice.conversation import apps, band, words

SHARES_STACK = True

CARDS_MAY_LAG = {"test_webex_that_refuses_edits_and_sends_twice"}
FOR_NOBODY = "Nobody has to act"
IDLE_MOST = len(("the first of the steps", "the test mail's", "the end"))
SETUP_MOST = 18
"""Maximum number of cards that a setup may post.

They are the first card, the sign-in, the plan, consent, the rehearsal, three of the form, two of
the mail, the end, and whose turn it is.
"""


@pytest.fixture
def reference(people):
    """People of a Webex that refuses edits of cards, with a slow directory."""
    people.control("PUT", "webex/options", {"card_edits": False})
    people.control("PUT", "settings", {"replication_s": 2.0})
    yield people
    people.control("PUT", "webex/options", {"card_edits": True, "duplicates": 0, "read_lag_s": 0.0})
    people.control("PUT", "settings", {"replication_s": 0.5})


def posted(people, since):
    """Return the bot's cards since that change, except the one that greets the space."""
    greeting = "This bot connects a mailbox"
    return [each for each in people.posted(since) if greeting not in words(each)]


def said_twice(cards):
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


def test_webex_that_refuses_edits_and_sends_twice(reference, new_walk):
    """If cards cannot be edited, almost every card that is posted asks a person to do something.

    All are in the thread of the command, and none repeats the one before. The exceptions in a setup
    are the first card of the steps, the first card of the mail, and the end. The exception in a
    check is the first card. Notifications that come twice and late change nothing.
    """
    reference.control(
        "PUT", "webex/options", {"card_edits": False, "duplicates": 2, "read_lag_s": 0.3}
    )
    walk = new_walk()
    wrong = walk.press(walk.ask(), "intake", walk.right(callback_url="http://x.example/callback"))
    assert "One field needs a correction" in words(wrong)
    since = wrong["change"] - 1
    walk.open(walk.details())
    walk.approve(walk.card("a plan card", "approve"))
    walk.consent()
    walk.form()
    assert said_twice(posted(reference, since)) == []
    walk.fill_in()
    walk.skip()
    walk.answer()
    walk.done()
    mine = posted(reference, since)
    in_space = [each for each in mine if each["roomType"] == "group"]
    assert {each["edits"] for each in mine} == {0}
    assert {each["parentId"] for each in in_space} == {walk.said["id"]}
    _made_once(walk)
    _almost_all_ask(mine)
    _check_in_two_cards(reference, walk)


def _almost_all_ask(mine):
    bands = [band(card) for card in mine]
    idle = [each.splitlines()[0] for each in bands if FOR_NOBODY in each]
    assert (len(idle) <= IDLE_MOST, len(bands) <= SETUP_MOST) == (True, True), bands


def _made_once(walk):
    made = [each for each in walk.writes() if "New-" in each]
    assert sorted(made) == sorted(set(made))
    assert "exchange.New-HostedOutboundSpamFilterRule" in made
    assert [len(app["passwordCredentials"]) for app in apps(walk.people)] == [1]


def _check_in_two_cards(reference, walk):
    since = reference.change
    walk.type(f"/check {walk.mailbox}")
    walk.wait("the verdict", lambda each: "Nothing wrong seen yet" in band(each), after=since)
    looks = [band(card).splitlines()[0] for card in posted(reference, since)]
    assert len(looks) <= len(("looking", "the verdict")), looks
    assert "Last proven" in looks[-1]
