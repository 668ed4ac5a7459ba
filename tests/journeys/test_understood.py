"""Messages of people who do not type a command exactly.

Buttons run the command that they meant, and nothing else runs. Guests and other bots get nothing.
"""

import pytest

from bench.crowd import fill
from practice.actors import REQUESTER
from practice.client import does
from practice.conversation import Walk, space, words

SHARES_STACK = True
MAILBOX, SPACE = "support@meant.example", "Meant"
OUTSIDER = "outsider@evil.example"
CHECK = {"do": "typed", "command": "check", "mailbox_meant": MAILBOX}


@pytest.fixture(scope="module")
def connected(stack, people):
    """Walk in a space with a channel that works."""
    body = {"name": SPACE, "members": [REQUESTER]}
    fill(stack, people, str(people.control("POST", "webex/space", body)["id"]), [MAILBOX])
    return Walk(people, MAILBOX, SPACE)


def checked(walk, card):
    """Return the verdict on the channel in the thread of a card."""
    return walk.wait(
        "a verdict",
        lambda m: m["parentId"] == (card["parentId"] or card["id"]) and "missing" in does(m),
    )


@pytest.mark.parametrize("typed", ["/check suport@meant.example", "support@maent.example"])
def test_a_mistyped_address_leads_to_the_known_channel(connected, typed):
    """A mistyped address gets a button for the known channel.

    No administrator is asked to sign in for a mailbox that does not exist.
    """
    card = connected.type(typed)
    assert f"Did you mean {MAILBOX}?" in words(card)
    connected.press(card, "typed", data=CHECK)
    assert MAILBOX in words(checked(connected, card))


@pytest.mark.parametrize(
    "typed", ["hello", "mail does not arrive", "/channels", "/fix", "/explain", MAILBOX, "/chekc"]
)
def test_an_outsider_learns_nothing(people, connected, typed):
    """While an outsider is in the space, no answer to anybody has a channel or a button."""
    outsider = {"as": OUTSIDER, "room": connected.room}
    people.control("POST", "webex/join", outsider | {"by": connected.requester})
    try:
        for who in (OUTSIDER, connected.requester):
            answer = connected.type(typed, who)
            assert (does(answer), MAILBOX in str(answer["card"])) == (set(), False)
    finally:
        people.control("POST", "webex/leave", outsider)


def test_guest_and_other_bot(people, new_walk):
    """A guest is refused in a sentence.

    Another bot gets no answer, so that two bots never talk to each other.
    """
    assert "not guests" in words(new_walk(room="direct", requester="guest@guests.example").ask())
    room = space(people, "other-bot@webex.bot")
    said = people.say("other-bot@webex.bot", "/setup-email support@contoso.com", room)
    new_walk(room=room).type("/help")
    assert not any(each["parentId"] == said["id"] for each in people.messages.values())
