"""Shared mailbox in its usual state: its own account may not sign in, so a delegate does."""

import re

from practice import cardtext
from practice.actors import AGENT
from practice.conversation import words

SHARES_STACK = True

SHARED = "shared@contoso.com"
TICK = (
    "Select the check box Use different email address than the asset email ID for generating tokens"
)


def rights(people):
    """Return who may send as the mailbox, and the own SMTP AUTH of the two mailboxes."""
    users = people.tenant()["users"]
    return {
        "send_as": users[SHARED]["mailbox"]["send_as"],
        AGENT: users[AGENT]["mailbox"]["smtp_auth_disabled"],
        SHARED: users[SHARED]["mailbox"]["smtp_auth_disabled"],
    }


FOR_THE_DELEGATE = (
    f"Sign-in is blocked for {SHARED}. That is usual for a shared mailbox",
    f"granted to {AGENT}",
    f"on for {AGENT}",
    f"SMTP.Send is granted for {AGENT} only, and for no other user",
)
"""Sentences of the setup's plan about a shared mailbox. Only the delegate gets any permission."""
NOTHING = {"send_as": [], AGENT: None, SHARED: None}


def unlicensed(people, **mailbox):
    """Take the license and all rights of the shared mailbox away, and let no user consent."""
    box = {"full_access": [], "send_as": [], **mailbox}
    people.patch({"consent": [], "users": {SHARED: {"licensed": False, "mailbox": box}}})


def test_a_delegate_signs_in_for_a_shared_mailbox(people, new_walk):
    """The delegate who is named gets the permissions for sending, and nobody else gets any.

    These are SMTP.Send, SMTP AUTH of the delegate's own mailbox, and Send As. The form has the
    delegate as Username. An undo takes all of it back.
    """
    unlicensed(people)
    before = grants_of_the_delegate(people)
    walk = new_walk(SHARED)
    plan = walk.plan(profile="least", delegate=AGENT)
    shown = words(plan)
    assert [each for each in FOR_THE_DELEGATE if each not in shown] == []
    assert "all users of the tenant" not in shown
    walk.approve(plan)
    form = walk.form()
    assert TICK in words(form)
    fields = [cardtext.value(form["card"], name) for name in ("Email ID", "Username")]
    assert fields == [SHARED, AGENT]
    assert "AADSTS90094" in walk.rehearse("support@contoso.com").text
    walk.rehearse(AGENT)
    told = words(walk.saying("Rehearsal succeeded"))
    assert re.search(rf"Rehearsal succeeded.*{re.escape(AGENT)}", told), told
    assert rights(people) == {"send_as": [AGENT], AGENT: False, SHARED: None}
    walk.fill_in(AGENT)
    walk.answer()
    assert f"{SHARED} is connected to Webex Contact Center" in words(walk.done())
    _fix(people, walk)
    _undo(people, walk, before)


def _fix(people, walk):
    """Take Send As away, and check that a fix gives it back and proves it.

    The proof is a login and an answer.
    """
    people.mailbox(SHARED, send_as=[])
    plan = walk.planned("/fix")
    assert "1 change to approve" in words(plan)
    assert f"granted to {AGENT}" in words(plan)
    walk.approve(plan)
    walk.answer()
    walk.saying("is fixed", 60)
    assert rights(people) == {"send_as": [AGENT], AGENT: False, SHARED: None}


def grants_of_the_delegate(people):
    """Return the ids of the grants for the delegate alone."""
    contoso = people.tenant()
    delegate = contoso["users"][AGENT]["id"]
    return [grant["id"] for grant in contoso["grants"] if grant["principalId"] == delegate]


def _undo(people, walk, before):
    """Check that an undo takes back everything that the delegate was given, from both mailboxes."""
    plan = walk.planned("/undo", "Disconnect")
    assert "Remove-RecipientPermission" in str(plan["card"])
    walk.approve(plan)
    walk.saying("is disconnected: the previous values are restored", 60)
    assert rights(people) == NOTHING
    assert grants_of_the_delegate(people) == before


def test_who_signs_in_is_asked_for(people, new_walk):
    """The run asks for the delegate when it has seen the mailbox, until it knows the user."""
    unlicensed(people, send_as=[AGENT])
    walk = new_walk(SHARED)
    walk.ask()
    walk.open(walk.details(profile="least"))
    card = walk.card("the question for the delegate", "delegate")
    assert f"Who signs in for {SHARED}?" in words(card)
    people.press(walk.requester, card, "delegate", {"delegate": "ghost@contoso.com"})
    walk.saying("Nobody in this tenant has the address ghost@contoso.com")
    card = walk.card("the question for the delegate", "delegate")
    people.press(walk.requester, card, "delegate", {"delegate": AGENT})
    plan = walk.card("a plan card", "approve")
    assert f"SMTP.Send is granted for {AGENT} only, and for no other user" in words(plan)
    assert f"granted to {AGENT}" not in words(plan)
    assert "settings are already right" in words(plan)
