"""Watched channel: a fault makes a card by itself, and the bot says when the fault is over."""

import pytest

from bench.crowd import fill
from jobs.watch.model import Eye, Sight
from practice.actors import REQUESTER
from practice.client import does
from practice.conversation import band, words
from practice.environment import CLIENT_ID
from tests.fixtures.watched import WatchedChannels

MAILBOX, OTHER, TENANT = "box0@watched.example", "box1@watched.example", "tenants/watched.example"
SPACE = "Watched"
BROKEN = {"users": {MAILBOX: {"mailbox": {"smtp_auth_disabled": True}}}}
RIGHT = {"users": {MAILBOX: {"mailbox": {"smtp_auth_disabled": False}}}}

INHERITED = {
    "users": {each: {"mailbox": {"smtp_auth_disabled": None}} for each in (MAILBOX, OTHER)}
}
STACK = {"env": {"WATCH_TEST_MAIL": "0"}}
"""No test mails: the copies of these channels' mails go nowhere, so no mail becomes a task."""


@pytest.fixture(scope="module")
def room(stack, people):
    """Id of a space with two channels that work, whose tenant lets the bot read."""
    made = str(people.control("POST", "webex/space", {"name": SPACE, "members": [REQUESTER]})["id"])
    fill(stack, people, made, [MAILBOX, OTHER])
    return made


@pytest.fixture(scope="module")
def watch(stack, room):
    """Watch of the running product."""
    assert room
    with stack.redis() as redis:
        yield WatchedChannels.of(stack, redis)


def said(people, text, expected):
    """Type something in the space, and return the card that has the expected words."""
    before = people.now()
    people.say(REQUESTER, text, SPACE)
    return people.wait_for(
        expected, lambda m: bool(m["card"]) and expected in words(m), after=before
    )


def cards(people, text):
    """Return every message whose card has these words."""
    people.look()
    return [m for m in people.messages.values() if m["card"] and text in words(m)]


def tells_the_recovery(people, card):
    """Check that the incident's card says that the incident is over.

    A message below the card says how long it lasted.
    """
    over = people.wait_for(
        "the recovery", lambda m: m["id"] == card["id"] and "works again" in band(m)
    )
    assert does(over) == {"check"}
    below = people.wait_for(
        "the news", lambda m: m["id"] != card["id"] and "works again" in band(m)
    )
    assert "It lasted" in words(below)


def test_a_fault_makes_one_card_by_itself_and_its_end_is_told(people, watch):
    """The watch posts one card after two looks that see a fault, and a message after its end.

    One look is enough for the recovery.
    """
    said(people, f"/watch {MAILBOX}", f"{MAILBOX} is watched every 15 minutes")
    watch.wait(lambda: watch.state(MAILBOX).looked)
    first = watch.state(MAILBOX).last
    assert (first.sight, Eye.APP in first.eyes) == (Sight.HEALTHY, True)
    people.control("PATCH", TENANT, BROKEN)
    suspicion = watch.look(MAILBOX).suspicion
    assert (suspicion.sight, suspicion.cause) == (Sight.BROKEN, "smtp_auth_off_for_mailbox")
    assert cards(people, f"{MAILBOX} is broken") == []
    watch.look(MAILBOX)
    card = people.wait_for("the incident", lambda m: bool(m["card"]) and "is broken" in words(m))
    assert "SMTP AUTH is off for the mailbox" in words(card)
    assert does(card) == {"fix", "watch_on_it", "check"}
    for _ in range(2):
        watch.look(MAILBOX)
    assert len(cards(people, f"{MAILBOX} is broken")) == 1
    people.press(REQUESTER, card, "watch_on_it")
    people.wait_for(
        "who acts", lambda m: m["id"] == card["id"] and f"{REQUESTER}, since" in words(m)
    )
    people.control("PATCH", TENANT, RIGHT)
    watch.look(MAILBOX)
    tells_the_recovery(people, card)
    assert watch.open_incidents() == ()


def test_a_policy_of_the_tenant_makes_one_card_for_its_channels(people, watch):
    """A setting of the tenant that breaks two channels makes one card, which names both."""
    said(people, f"/watch {OTHER} 5m", f"{OTHER} is watched every 5 minutes")
    watch.wait(lambda: watch.state(OTHER).looked)
    people.control("PATCH", TENANT, INHERITED | {"smtp_auth_disabled": True})
    for mailbox in (MAILBOX, OTHER) * 2:
        watch.look(mailbox)
    card = people.wait_for(
        "one card for two channels",
        lambda m: bool(m["card"]) and "2 channels are broken" in words(m),
    )
    assert {MAILBOX, OTHER} <= set(words(card).split())
    assert len(cards(people, "for the same cause")) == 1
    people.control("PATCH", TENANT, {"smtp_auth_disabled": False})
    for mailbox in (MAILBOX, OTHER):
        watch.look(mailbox)
    people.wait_for("both again", lambda m: m["id"] == card["id"] and "work again" in words(m))


def test_an_access_that_ended_is_told_as_such(people, watch):
    """If the bot's read access has ended, the card says that the watch cannot look.

    The card does not say that the channel is broken.
    """
    people.control("PATCH", TENANT, {"drop_app_roles": {CLIENT_ID: []}})
    seen = [watch.look(MAILBOX).last for _ in range(2)]
    assert [each and (each.sight, each.cause) for each in seen] == [
        (Sight.CANNOT_LOOK, "app_access_withdrawn")
    ] * 2
    card = people.wait_for("the card", lambda m: bool(m["card"]) and "cannot look" in band(m))
    assert "is broken" not in words(card)
    assert does(card) == {"check", "watch_on_it"}
