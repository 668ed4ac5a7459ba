"""Outsiders, guests and other bots, who get nothing when they write or press."""

from practice.conversation import space, words

SHARES_STACK = True

OUTSIDER = "outsider@evil.example"


def test_outsider_in_a_direct_message(people, new_walk):
    """An outsider is refused in a 1:1 message, without a word about any channel."""
    walk = new_walk(room="direct", requester=OUTSIDER)
    answer = words(walk.type("/setup-email support@contoso.com"))
    assert ("Nothing was changed" in answer, "support@contoso.com" in answer) == (True, False)


def test_outsider_in_the_space(people, new_walk):
    """In a space with a person of another organization, the bot says nothing about a channel."""
    walk = new_walk(room=space(people, OUTSIDER))
    answer = words(walk.ask())
    assert "Somebody from another organization is in this space" in answer
    assert "support@contoso.com" not in answer


def test_outsider_who_joins_later(people, new_walk):
    """A press is refused if an outsider has joined the space after the card was posted."""
    walk = new_walk()
    card = walk.ask()
    people.control("POST", "webex/join", {"as": OUTSIDER, "room": walk.room, "by": walk.requester})
    refused = walk.press(card, "intake", walk.right())
    assert "Somebody from another organization is in this space" in words(refused)


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
