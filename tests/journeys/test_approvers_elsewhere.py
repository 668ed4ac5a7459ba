"""Setup in a 1:1 with a person who may not approve, in which the approvers get the plan 1:1.

Everybody sees who has the plan.
"""

from practice.actors import REQUESTER
from practice.client import does, has
from practice.conversation import DIRECT, words

BOSS, NOBODY = "helpdesk@contoso.com", "left@contoso.com"
SECOND = "colleague@contoso.com"
STACK = {"env": {"APPROVERS": f"{BOSS}, {SECOND}, {NOBODY}"}}
"""Two approvers in Webex, and one who has no account there any more."""


def _plan(people, who, after=0):
    """Return the plan in this person's 1:1 with the bot."""
    return people.wait_for(
        f"the plan 1:1 for {who}", has("approve", "cancel", member=who), 40, after
    )


def _mine(people, who, text, after):
    """Return a card with this text in this person's 1:1."""
    return people.wait_for(
        f"{text!r} for {who}",
        lambda each: text in words(each) and each["roomType"] == DIRECT and who in each["members"],
        40,
        after,
    )


def test_an_approver_decides_in_another_conversation(people, new_walk):
    """After an approver has approved in their own 1:1, the setup goes on.

    The other copies of the plan say who approved. A canceled run offers Undo.
    """
    walk = new_walk(room=DIRECT)
    since = people.now()
    walk.ask()
    walk.open(walk.details(profile="least"))
    copies = {who: _plan(people, who, since) for who in (BOSS, SECOND)}
    assert f"{REQUESTER} asks you:" in words(copies[BOSS])
    assert f"who has this plan in a 1:1 message: {SECOND}" in words(copies[BOSS])
    own = _mine(people, REQUESTER, f"who has this plan in a 1:1 message: {BOSS}, {SECOND}", since)
    own = _mine(people, REQUESTER, f"No message reaches {NOBODY}", since)
    assert "approve" not in does(own)
    people.press(BOSS, copies[BOSS], "approve")
    told = f"Approved by {BOSS}, "
    for who in (REQUESTER, SECOND):
        assert "approve" not in does(
            _mine(people, who, told, copies[who]["change"] if who in copies else since)
        )
    walk.form(60)
    walk.type(f"/cancel {walk.mailbox}")
    cancelled = walk.card("the canceled run", "undo")
    before = people.now()
    people.press(REQUESTER, cancelled, "undo")
    walk.card("a sign-in for the undo", "ask_administrator", link=True, after=before)
    walk.type(f"/cancel {walk.mailbox}")
