"""Data that an event will need is requested ahead, and only the data really needed is used."""

from __future__ import annotations

from bot.events.handler import prefetch
from tests.fixtures.waiting import until

MEMBER = {"id": "m1", "personId": "ann-id", "personEmail": "ann@example.test", "roomId": "room"}
ANN = {"id": "ann-id", "emails": ["ann@example.test"], "orgId": "org", "type": "person"}
BOB = {"id": "bob-id", "emails": ["bob@example.test"], "orgId": "org", "type": "person"}


def test_the_two_questions_are_asked_before_they_are_needed(webex, webex_script, reply):
    """The person and the members of the space are requested ahead, and only once."""
    webex_script.on("GET", "/people/ann-id", reply(200, ANN))
    webex_script.on("GET", "/memberships", reply(200, {"items": [MEMBER]}))
    with prefetch(webex, "ann-id", "room") as asked:
        until(lambda: len(webex_script.asked) >= 2, "the two questions")
        person, members = asked.person("ann-id"), asked.members("room")
    assert (person.email, members[0].person_id) == ("ann@example.test", "ann-id")
    assert len(webex_script.asked) == 2


def test_an_event_that_names_somebody_else_is_not_believed(webex, webex_script, reply):
    """If an event names the wrong person and room, those of the message itself are requested."""
    webex_script.on("GET", "/people/ann-id", reply(200, ANN))
    webex_script.on("GET", "/people/bob-id", reply(200, BOB))
    rows = (MEMBER, MEMBER | {"id": "other"})
    webex_script.on("GET", "/memberships", *(reply(200, {"items": [each]}) for each in rows))
    with prefetch(webex, "ann-id", "room") as asked:
        asked.members("room")
        (member,) = asked.members("another")
        assert (asked.person("bob-id").email, member.id) == ("bob@example.test", "other")


def test_an_event_that_names_nobody_asks_when_it_knows(webex, webex_script, reply):
    """An event without a person requests nothing ahead, and later requests still work."""
    webex_script.on("GET", "/people/bob-id", reply(200, BOB))
    with prefetch(webex, "", "") as asked:
        assert asked.person("bob-id").email == "bob@example.test"
    assert len(webex_script.asked) == 1
