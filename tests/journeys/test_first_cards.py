"""Wrong input at the beginning of a setup.

People get a clear answer, their values are kept, and nothing is changed.
"""

import base64

import pytest

from practice.client import does
from practice.conversation import band, space, words

SHARES_STACK = True


@pytest.mark.parametrize(
    ("mailbox", "says"),
    [
        ("sales@contoso.com", "Group"),
        ("nobody@contoso.com", "nobody@contoso.com"),
        ("disabled@contoso.com", "disabled@contoso.com"),
        ("unlicensed@contoso.com", "unlicensed@contoso.com"),
    ],
)
def test_mailbox_that_cannot_be_connected(new_walk, mailbox, says):
    """A group or a missing, blocked or unlicensed mailbox gives a plan that cannot be approved.

    The plan says why and offers Look again.
    """
    walk = new_walk(mailbox)
    walk.ask()
    walk.open(walk.details())
    plan = walk.card("a plan that is blocked", "look_again")
    assert "approve" not in does(plan)
    assert [line for line in words(plan).splitlines() if line.startswith("✗") and says in line], (
        words(plan)
    )
    assert walk.writes() == []


def test_licence_given_meanwhile(people, new_walk):
    """Look again reads the tenant again: after a license is added, the plan can be approved."""
    walk = new_walk("unlicensed@contoso.com")
    walk.ask()
    walk.open(walk.details())
    blocked = walk.card("a plan that is blocked", "look_again")
    people.patch({"users": {walk.mailbox: {"licensed": True, "mailbox": {}}}})
    walk.people.press(walk.requester, blocked, "look_again")
    walk.card("a plan to approve", "approve")
    people.patch({"users": {walk.mailbox: {"licensed": False, "mailbox": None}}})


def test_card_pressed_twice_and_old_cards(new_walk):
    """A press of an old card or a second Approve changes nothing and says so.

    The old cards are the first card and a plan that is no longer in force.
    """
    walk = new_walk()
    first = walk.ask()
    walk.details()
    assert "past this stage" in words(walk.press(first, "intake", walk.right(), version=0))
    walk.open(walk.card("a sign-in card", "ask_administrator", link=True))
    old = walk.card("a plan card", "approve", "least_privilege")
    walk.people.press(walk.requester, old, "least_privilege")
    walk.people.until(
        "a plan without E2",
        lambda: "E2" not in words(walk.card("a plan card", "approve")).partition("Commands")[0],
    )
    assert "past this stage" in words(walk.press(old, "approve", version=old["edits"]))
    assert walk.writes() == []
    plan = walk.card("a plan card", "approve")
    walk.people.press(walk.requester, plan, "approve")
    walk.form()
    before = walk.people.change
    walk.people.press(walk.requester, plan, "approve", version=plan["edits"])
    walk.saying("Nothing was changed", after=before)


def test_second_setup_while_one_runs(people, new_walk):
    """A second setup of the same mailbox from another space is pointed to the running run.

    Two mailboxes can be set up in one space at the same time.
    """
    walk = new_walk()
    walk.ask()
    answer = new_walk(room=space(people)).ask()
    assert (
        band(answer)
        .splitlines()[0]
        .startswith("support@contoso.com is already being set up, in run ")
    )
    assert "The newest card is in the space " in words(answer)
    new_walk("service@contoso.com", room=walk.room).ask()
    shown = words(walk.type("/status"))
    assert [name in shown for name in ("support@contoso.com", "service@contoso.com")] == [
        True,
        True,
    ]
    which = walk.type("/cancel")
    assert "More than one run is in progress here" in words(which)
    assert "was canceled" in words(walk.press(which, "cancel"))


EXPIRED = "AADSTS7000222: The provided client secret keys are expired."


def file(name, content):
    """Return a file as a person sends it."""
    return {"name": name, "type": "text/plain", "base64": base64.b64encode(content).decode()}


def test_a_mail_that_is_hard_to_read_delays_nobody(new_walk):
    """While one person sends mails that are hard to read, another person's ``/help`` is answered.

    Each answer about such a mail says that not everything was read.
    """
    hard = f"From: a@b.example\nTo: c@d.example\nContent-Type: text/plain{';a=b' * 100_000}\n\n{EXPIRED}"
    mail = file("hard.eml", hard.replace("To:", "Subject: Undeliverable\nTo:").encode())
    walk, other = new_walk(), new_walk(requester="helpdesk@contoso.com")
    sent = [
        walk.people.say(walk.requester, "/explain", walk.room, files=[mail])["id"] for _ in range(4)
    ]
    asked = other.people.say(other.requester, "/help", other.room)["id"]
    other.wait("an answer to /help", lambda each: each["parentId"] == asked, 10)
    for each in sent:
        told = walk.wait("an answer", lambda seen, parent=each: seen["parentId"] == parent, 20)
        assert "Not everything was read" in words(told)
