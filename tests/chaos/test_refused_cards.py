"""Spaces in which Webex takes no cards: archived during a run, or locked (423) for a while."""

import time
from collections import Counter

import pytest

from practice.actors import REQUESTER
from practice.client import does
from practice.conversation import words

SHARES_STACK = True
MANY = 100_000
CLOSED = "The space of the run for support@contoso.com takes no cards"
LOCKED_S = 12.0
CARDS_MAY_LAG = {"test_an_archived_space"}


@pytest.fixture(autouse=True)
def open_again(people, walk):
    """Restore the space at the end of each test, so that it takes messages."""
    yield
    archive(people, walk, archived=False)


def archive(people, walk, *, archived=True):
    """Archive the space as one of its members, or restore it."""
    body = {"as": REQUESTER, "room": walk.room, "archived": archived}
    people.control("PUT", "webex/archive", body)


def in_threads(people, walk):
    """Return the words of each message of the bot in threads of the space since the walk began."""
    new = people.posted(walk.since)
    return [words(each) for each in new if each["room"] == walk.room and each["parentId"]]


def test_an_archived_space(people, walk):
    """A run goes on after its space is archived, and its requester gets one 1:1 message about that.

    The message says whose turn it is, and offers to cancel the run. The 1:1 cards go on, too. When
    the space is restored, its cards show the newest state.
    """
    walk.approve(walk.plan(profile="least"))
    people.until("the first write", walk.writes)
    archive(people, walk)
    assert walk.secret(walk.form(60))
    told = walk.saying(CLOSED, 150)
    assert (told["roomType"], "cancel" in does(told)) == ("direct", True)
    assert "requester@contoso.com's turn" in words(told) or "fill in" in words(told), words(told)
    archive(people, walk, archived=False)
    assert "support@contoso.com" in words(walk.type("/status"))
    walk.saying("steps done", 60, after=told["change"])
    over = walk.saying("The space takes cards about", 60)
    assert (over["id"], does(over)) == (told["id"], set())
    said = [each for each in people.messages.values() if CLOSED in str(each["history"])]
    assert [each["id"] for each in said] == [told["id"]]


def test_locked_for_a_while(stack, people, walk):
    """A run goes on while Webex answers 423 to every post and edit, with a Retry-After.

    Afterwards each card and the answer to a command are there once. A press of a card that was
    locked is carried out.
    """
    plan = walk.plan(profile="least")
    locked = {"prefix": "/webex/v1/messages", "times": MANY, "status": 423}
    people.control("POST", "faults", locked | {"headers": {"Retry-After": "3"}})
    walk.approve(plan)
    said = people.say(REQUESTER, "/help", walk.room)
    time.sleep(LOCKED_S)
    people.control("DELETE", "faults")
    walk.wait("an answer to /help", lambda each: each["parentId"] == said["id"], 60)
    assert walk.secret(walk.form(60))
    walk.saying("steps done", 60)
    assert walk.writes().count("graph.add_password") == 1
    assert [text for text, times in Counter(in_threads(people, walk)).items() if times > 1] == []
