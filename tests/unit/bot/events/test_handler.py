"""Handling of events: people who are answered, people who are refused, and ignored events."""

from dataclasses import replace
from datetime import timedelta

import pytest

from adaptive_cards.texts import text
from bot.events.handler import prefetch
from bot.queue import WebhookEvent
from bot.webex.client import MAX_EVENT_AGE, is_older_than
from jobs.clock import now
from tests.fixtures.waiting import until
from tests.fixtures.webex_script import receive

MEMBERS = [("anna", "anna@example.test"), ("bot-1", "emailbot@webex.bot")]


def members_of(members: list[tuple[str, str]], kind: str) -> list[dict[str, str]]:
    """Return Webex's rows of the members of a room."""
    same = {"roomId": "room-1", "personOrgId": "org-1", "roomType": kind}
    return [same | {"id": f"ms-{i}", "personId": i, "personEmail": e} for i, e in members]


@pytest.fixture
def space(services, webex_script, reply):
    """Return a function that scripts a message, its author and the members of its space."""

    def script(
        words: str = "/help",
        *,
        who: str = "anna",
        kind: str = "group",
        members: list[tuple[str, str]] = MEMBERS,
        **more,
    ) -> None:
        message = {"id": "m1", "roomId": "room-1", "roomType": kind, "personId": who}
        webex_script.on("GET", "/messages/m1", reply(body=message | {"text": words} | more))
        webex_script.on("GET", "/memberships", reply(body={"items": members_of(members, kind)}))

    return script


def person(webex_script, reply, **more) -> None:
    """Make Webex know Eve, a person other than Anna."""
    body = {"id": "eve", "emails": ["eve@example.test"], "orgId": "org-1", "type": "person"}
    webex_script.on("GET", "/people/eve", reply(body=body | more))


@pytest.mark.parametrize("kind", ["direct", "group"])
@pytest.mark.parametrize("event", ["message", "press"])
def test_a_message_that_does_not_say_in_what_room_it_is(
    space, said, webex_script, reply, event, kind
):
    """If a message does not say in which kind of room it is, Webex is asked once.

    In a 1:1 room nobody else reads the answer.
    """
    space(kind="", members=[*MEMBERS, ("eve", "eve@fabrikam.test")])
    webex_script.on("GET", "/rooms/room-1", reply(body={"id": "room-1", "type": kind}))
    if event == "press":
        press(webex_script, reply, {"do": "help"}, kind="")
    else:
        receive("messages", "m1", "anna", "room-1")
    assert [text("refused.space") in words for _, words in said()] == [kind == "group"]
    assert [path for _, path, _ in webex_script.asked].count("/rooms/room-1") == 1


@pytest.mark.parametrize("who", ["anna", "bot-1"])
def test_the_bots_own_events_are_left_alone(space, said, who):
    """The bot ignores its own events, whether the event or the message says who wrote it."""
    space(who="bot-1")
    receive("messages", "m1", "bot-1" if who == "bot-1" else "anna", "room-1")
    assert said() == []


@pytest.mark.parametrize(
    ("created", "stale"),
    [("yesterday", False), ("2020-01-01T00:00:00", True), ("2020-01-01T00:00:00Z", True)],
)
def test_stale(created, stale):
    """An event whose age cannot be read is not old, because it was signed all the same."""
    assert is_older_than(created, MAX_EVENT_AGE) is stale


@pytest.mark.parametrize(
    ("more", "actor", "key"),
    [
        ({"type": "appuser"}, "eve", "refused.not_a_person"),
        ({"emails": ["eve@fabrikam.test"]}, "eve", "refused.organization"),
        ({"emails": ["eve@fabrikam.test"]}, "anna", "refused.organization"),
        ({"emails": []}, "eve", "refused.organization"),
    ],
)
def test_guests_and_strangers_are_refused(space, said, webex_script, reply, more, actor, key):
    """Guests and strangers are refused politely, and without a word about any channel.

    If the event names Anna for Eve's message, the bot asks Webex who Eve is.
    """
    person(webex_script, reply, **more)
    space("/status", who="eve", kind="direct")
    receive("messages", "m1", actor, "room-1")
    assert text(key) in said()[0][1]
    assert "support@example.test" not in str(said())


@pytest.mark.parametrize(
    "more",
    [
        {"type": "bot", "emails": ["other@webex.bot"]},
        {"type": None, "emails": ["Other@Webex.bot"]},
        {"type": "person", "emails": ["other@sparkbot.io"]},
        {"type": "bot", "emails": None},
    ],
)
def test_another_bot_gets_no_answer(space, said, webex_script, reply, more):
    """Another bot gets no answer, because two bots would talk forever.

    A bot is recognized by its type or, if Webex does not give one, by its address.
    """
    person(webex_script, reply, **more)
    space(who="eve")
    receive("messages", "m1", "eve", "room-1")
    assert said() == []


@pytest.mark.parametrize("event", ["message", "press"])
def test_with_an_outsider_in_the_space_nothing_is_said_of_a_channel(
    space, said, begin, webex_script, reply, event
):
    """If an outsider is in the space, Anna's question or press is refused and no channel is named.

    Anna may ask, but not if a stranger reads the answer.
    """
    begin()
    space("/status", members=[*MEMBERS, ("eve", "eve@fabrikam.test")])
    if event == "press":
        press(webex_script, reply, {"do": "status"})
    else:
        receive("messages", "m1", "anna", "room-1")
    assert text("refused.space") in said()[0][1]
    assert "support@example.test" not in str(said())


def test_in_a_direct_room_nobody_reads_along(space, webex_script):
    """In a direct room the members are not looked up, because it has no other readers."""
    space("/help", kind="direct")
    receive("messages", "m1", "anna", "")
    assert [path for _, path, _ in webex_script.asked if "membership" in path] == []


def press(
    webex_script,
    reply,
    inputs,
    card_of: str = "bot-1",
    who: str = "anna",
    *,
    created: str = "",
    lags: int = 0,
    kind: str = "group",
) -> None:
    """Deliver the press of a button; its card is missing for the first ``lags`` requests."""
    action = {"id": "a1", "messageId": "card-9", "personId": who, "roomId": "room-1"}
    action |= {"inputs": inputs, "created": created}
    webex_script.on("GET", "/attachment/actions/a1", reply(body=action))
    card = reply(body={"id": "card-9", "roomId": "room-1", "roomType": kind, "personId": card_of})
    webex_script.on("GET", "/messages/card-9", *[reply(404, {"message": "no"})] * lags, card)
    receive("attachmentActions", "a1", who, "room-1")


@pytest.mark.parametrize(("minutes", "lags", "posts"), [(0, 0, 1), (0, 1, 1), (11, 0, 0)])
def test_a_button_is_pressed(space, said, webex_script, reply, minutes, lags, posts):
    """A press is answered with one post, also if Webex does not know its card yet.

    One that is older than ten minutes by its own time is ignored.
    """
    space()
    created = (now() - timedelta(minutes=minutes)).isoformat()
    press(webex_script, reply, {"do": "help"}, created=created, lags=lags)
    assert [method for method, _ in said()] == ["POST"] * posts


@pytest.mark.parametrize(
    ("inputs", "card_of"),
    [
        ({"do": "help"}, "other-bot"),
        ({"do": "no_such"}, "bot-1"),
        ({}, "bot-1"),
        ({"do": ["help"]}, "bot-1"),
    ],
)
def test_a_forged_press_does_nothing(space, said, webex_script, reply, inputs, card_of):
    """A press on another sender's card, or with an unknown action, does nothing."""
    space()
    press(webex_script, reply, inputs, card_of)
    assert said() == []


def test_a_mistake_of_ours_is_said_with_a_reference(space, said, webex_script, reply):
    """After a mistake of the bot's own, the person gets an answer with a reference.

    Here Webex refuses the card of the answer, and would refuse it again.
    """
    space()
    bad = reply(400, {"message": "invalid card"})
    webex_script.on("POST", "/messages", bad, bad, reply(body={"id": "posted-1"}))
    press(webex_script, reply, {"do": "help"})
    assert text("notice.broken_words") in said()[-1][1]
    assert "REF-" in str(webex_script.asked[-1])


@pytest.mark.parametrize(
    ("members", "membership", "kind", "room", "answers"),
    [
        (MEMBERS, "ms-bot-1", "group", "", 1),
        (MEMBERS, "ms-anna", "group", "", 0),
        (MEMBERS, "ms-bot-1", "direct", "", 0),
        (MEMBERS, "ms-bot-1", "", "group", 1),
        (MEMBERS, "ms-bot-1", "", "direct", 0),
        ([*MEMBERS, ("eve", "eve@fabrikam.test")], "ms-bot-1", "group", "", 0),
    ],
)
def test_joining_a_space(
    services, said, webex_script, reply, members, membership, kind, room, answers
):
    """The bot greets a space that it joins, but no 1:1 room and no space with an outsider.

    The bot ignores other people who join, and asks Webex for a room type that is missing.
    """
    rows = members_of(members, kind)
    mine = [row for row in rows if row["personId"] == "bot-1"]
    webex_script.on("GET", "/memberships", reply(body={"items": mine}), reply(body={"items": rows}))
    webex_script.on("GET", "/rooms/room-1", reply(body={"id": "room-1", "type": room}))
    receive("memberships", membership, "bot-1", "room-1")
    assert len(said()) == answers


ANN, BOB = (
    {"id": f"{each}-id", "emails": [f"{each}@example.test"], "orgId": "org", "type": "person"}
    for each in ("ann", "bob")
)
MEMBER = {"id": "m1", "personId": "ann-id", "personEmail": "ann@example.test", "roomId": "room"}
SAID = WebhookEvent("messages", "m1", "ann-id", "room")


def test_the_questions_are_asked_before_they_are_needed(webex, webex_script, reply):
    """The person, the members of the space and the pressed card are requested once, ahead."""
    webex_script.on("GET", "/people/ann-id", reply(200, ANN))
    webex_script.on("GET", "/memberships", reply(200, {"items": [MEMBER]}))
    webex_script.on("GET", "/messages/card", reply(200, {"id": "card", "roomId": "room"}))
    asked = prefetch(webex, replace(SAID, card="card"))
    until(lambda: len(webex_script.asked) >= 3, "the three questions")
    person, card = asked(webex.person, "ann-id"), asked(webex.message, "card")
    (member,) = asked(webex.members, "room")
    assert (person.email, member.person_id, card.id) == ("ann@example.test", "ann-id", "card")
    assert len(webex_script.asked) == 3


def test_an_event_that_names_somebody_else_is_not_believed(webex, webex_script, reply):
    """If an event names the wrong person and room, those of the message itself are requested."""
    webex_script.on("GET", "/people/ann-id", reply(200, ANN))
    webex_script.on("GET", "/people/bob-id", reply(200, BOB))
    rows = (MEMBER, MEMBER | {"id": "other"})
    webex_script.on("GET", "/memberships", *(reply(200, {"items": [each]}) for each in rows))
    asked = prefetch(webex, SAID)
    asked(webex.members, "room")
    (member,) = asked(webex.members, "another")
    assert (asked(webex.person, "bob-id").email, member.id) == ("bob@example.test", "other")


def test_an_event_that_names_nobody_asks_when_it_knows(webex, webex_script, reply):
    """An event without a person requests nothing ahead, and later requests still work."""
    webex_script.on("GET", "/people/bob-id", reply(200, BOB))
    asked = prefetch(webex, WebhookEvent("messages", "m1"))
    assert asked(webex.person, "bob-id").email == "bob@example.test"
    assert len(webex_script.asked) == 1
