"""Channel that people made by hand: found by a check, kept, and served like any other."""

import pytest

from practice.actors import ADMIN, MAILBOX
from practice.client import does, links
from practice.conversation import band, space, words

SHARES_STACK = True

FOUND = "Found by the bot"
OTHER = "https://contoso.us.webexconnect.io/sales/callback"


@pytest.fixture
def make(people, new_walk):
    """Return a function that makes a channel by hand, in a tenant and a space without the bot.

    A channel that a test keeps stays for the other tests, so each of those has its own mailbox.
    """

    def made(mailbox):
        walk = new_walk(mailbox)
        people.control("POST", "hand_made", {"mailbox": mailbox})
        walk.written = len(people.control("GET", "journal")["items"])
        return walk

    return made


@pytest.fixture
def hand_made(make):
    """Walk with a channel that people made by hand, of a mailbox that no test keeps."""
    return make(MAILBOX)


def signed_in(walk, command="/check"):
    """Type the command, sign in as the administrator, and return the card that asks or judges."""
    walk.type(f"{command} {walk.mailbox}")
    thread = walk.said["id"]
    first = walk.wait(
        "a check that offers a sign-in", lambda m: m["parentId"] == thread and bool(links(m))
    )
    walk.people.open_link(ADMIN, links(first)[0])
    return settled(walk, first)


def settled(walk, card):
    """Return the same card once it asks a question, or once the verdict is whole."""
    return walk.wait(
        "a question or the whole verdict",
        lambda m: (
            m["id"] == card["id"]
            and ("discovered" in does(m) or (FOUND in words(m) and "ooking" not in words(m)))
        ),
        after=card["change"],
    )


def test_a_check_finds_the_channel_and_writes_nothing(hand_made):
    """A check finds a channel made by hand and judges it like a channel of the bot.

    The card shows the app and both addresses. Nothing is changed in the tenant.
    """
    hand_made.people.control("POST", "fault/smtp_auth_off_mailbox")
    card = signed_in(hand_made)
    app = hand_made.people.control("GET", "connect/app")
    assert "SMTP AUTH is off for the mailbox" in band(card)
    for value in ("Webex Connect Support", app["callback_url"], app["forwarding_address"]):
        assert value in words(card)
    assert ({"keep", "check"} <= does(card), {"fix", "missing"} & does(card)) == (True, set())
    assert hand_made.writes() == []


def test_keep_makes_it_a_channel_of_the_space(make):
    """After Keep, every command serves the channel, and nothing was changed in the tenant."""
    walk = make("agent@contoso.com")
    walk.people.control("POST", "fault/smtp_auth_off_mailbox", {"mailbox": walk.mailbox})
    card = signed_in(walk)
    assert "press Adopt this channel" in band(card)
    walk.people.press(walk.requester, card, "keep")
    assert {"fix", "missing"} <= does(walk.saying("This channel is adopted", after=card["change"]))
    assert walk.mailbox in words(walk.type("/check"))
    assert "made by hand" in words(walk.type(f"/setup-email {walk.mailbox}"))
    assert "no earlier values are recorded" in words(walk.type(f"/undo {walk.mailbox}"))
    assert walk.mailbox in words(walk.type(f"/tac {walk.mailbox}"))
    assert "audit trail" in words(walk.type("/audit")).lower()
    assert walk.writes() == []


def test_fix_changes_only_what_is_wrong(make, new_walk):
    """A fix of an adopted channel changes one setting, and the app that people made stays.

    In another space, ``/adopt`` of the same channel says which space has it.
    """
    walk = make("service@contoso.com")
    walk.people.control("POST", "fault/smtp_auth_off_mailbox", {"mailbox": walk.mailbox})
    signed_in(walk, "/adopt")
    walk.saying("This channel is adopted")
    walk.approve(walk.planned("/fix"))
    walk.people.until(
        "SMTP AUTH switched on", lambda: [each for each in walk.writes() if "CAS" in each]
    )
    assert walk.writes() == ["exchange.Set-CASMailbox"]
    there = new_walk(walk.mailbox, room=space(walk.people))
    answer = words(there.type(f"/adopt {walk.mailbox}"))
    assert f"Another space has the channel of {walk.mailbox}" in answer
    assert walk.room in answer
    assert "keep" not in does(signed_in(there))


def test_several_apps_are_a_choice(hand_made):
    """If nothing distinguishes two apps, the card asks for one, and the check goes on with it."""
    people = hand_made.people
    made = people.tenant()["applications"]
    people.patch({"drop_grants": made[0]["appId"]})
    other = people.control(
        "POST",
        "hand_made",
        {"mailbox": "service@contoso.com", "name": "Webex Connect Sales", "callback_url": OTHER},
    )
    people.patch({"drop_grants": other["client_id"]})
    people.control("POST", "faults", {"prefix": "/graph/v1.0/auditLogs", "status": 403, "times": 9})
    asked = signed_in(hand_made)
    assert "Several apps may belong to this mailbox" in band(asked)
    assert "contoso.us.webexconnect.io" in words(asked)
    people.press(hand_made.requester, asked, "discovered", {"client_id": made[0]["appId"]})
    assert "Nobody has consented to this permission for the app" in band(settled(hand_made, asked))
    assert hand_made.writes() == []


def test_what_is_not_found_is_asked_for_or_left(hand_made):
    """If neither an app nor a forwarding is found, the check asks for both.

    The check can go on without them.
    """
    people = hand_made.people
    people.patch({"delete_application": people.tenant()["applications"][0]["appId"]})
    people.control("POST", "fault/forwarding_cleared")
    asked = signed_in(hand_made)
    assert "Neither an app of Webex Connect nor a forwarding was found" in band(asked)
    people.press(hand_made.requester, asked, "discovered_without")
    card = settled(hand_made, asked)
    assert "Mail is not forwarded to Webex Connect" in band(card)
    assert "It cannot be adopted yet. Not known: the app" in words(card)
    assert "keep" not in does(card)
