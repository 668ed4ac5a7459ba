"""Guests and other bots, who get nothing when they write."""

from practice.conversation import space, words

SHARES_STACK = True


def test_guest_and_other_bot(people, new_walk):
    """A guest is refused in a sentence.

    Another bot gets no answer, so that two bots never talk to each other.
    """
    walk = new_walk(room="direct", requester="guest@guests.example")
    assert "not guests" in words(walk.ask())
    room = space(people, "other-bot@webex.bot")
    said = people.say("other-bot@webex.bot", "/setup-email support@contoso.com", room)
    new_walk(room=room).type("/help")
    assert not any(each["parentId"] == said["id"] for each in people.messages.values())
