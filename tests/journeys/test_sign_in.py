"""Sign-in at Microsoft, consent, and everything that can fail there.

Each failure has its own words and a way to continue.
"""

import pytest

from practice.client import does, links
from practice.conversation import apps, band, words

SHARES_STACK = True


def _asked(walk):
    walk.ask()
    return walk.details()


@pytest.mark.parametrize(
    ("who", "decision", "says", "page_says"),
    [
        (
            "admin@contoso.com",
            "decline",
            "The permission was declined.",
            "The card in Webex shows how to continue",
        ),
        (
            "helpdesk@contoso.com",
            "accept",
            "An administrator must consent",
            "The card in Webex shows how to continue",
        ),
        (
            "admin@fabrikam.com",
            "accept",
            "admin@fabrikam.com",
            "admin@fabrikam.com is not the right account",
        ),
    ],
)
def test_sign_in_that_does_not_count(new_walk, who, decision, says, page_says):
    """After a declined, forbidden or wrong-tenant sign-in, the page and the card say the reason.

    The same card lets the right person sign in.
    """
    walk = new_walk()
    page = walk.open(_asked(walk), who, decision)
    card = walk.saying(says)
    assert (page_says in page.text, "You are signed in" in page.text) == (True, False)
    assert card["parentId"] == walk.said["id"]
    assert "ask_administrator" in does(card)
    assert bool(links(card))
    assert walk.writes() == []
    walk.open(walk.card("a sign-in card", "ask_administrator", link=True))
    walk.card("a plan card", "approve")


def test_ask_my_administrator_and_somebody_else(new_walk):
    """The requester's administrator gets the sign-in card 1:1 and can pass it on.

    A wrong address stays on the same card with the reason, and nothing is sent.
    """
    walk = new_walk()
    card = _asked(walk)
    for wrong, why in (
        ("nobody", "An address has an @"),
        ("outsider@evil.example", "does not belong to an organization"),
        ("nobody@contoso.com", "Nobody in Webex has this address."),
    ):
        same = walk.press(card, "ask_administrator", {"administrator": wrong})
        assert same["id"] == card["id"]
        assert why in words(same)
        assert f"Administrator's Webex address: [{wrong}]" in words(same)
    walk.people.press(
        walk.requester, card, "ask_administrator", {"administrator": "helpdesk@contoso.com"}
    )
    direct = walk.card(
        "the card 1:1", "ask_administrator", link=True, member="helpdesk@contoso.com"
    )
    assert "Your turn" in band(direct)
    walk.people.press(
        "helpdesk@contoso.com", direct, "ask_administrator", {"administrator": "admin@contoso.com"}
    )
    walk.open(walk.card("the card 1:1", "ask_administrator", link=True, member="admin@contoso.com"))
    walk.card("a plan card", "approve")
    assert "Microsoft: admin@contoso.com" in words(walk.saying("Microsoft: admin@contoso.com"))


def test_sign_in_without_exchanges_role(people, new_walk):
    """A sign-in without an Exchange role stops the plan; Other account brings a new sign-in card.

    A person with the role then gets a plan.
    """
    walk = new_walk()
    user = {"users": {"helpdesk@contoso.com": {"roles": ["Cloud Application Administrator"]}}}
    people.patch(user)
    first = _asked(walk)
    walk.open(first, "helpdesk@contoso.com")
    plan = walk.card("a plan that is stopped", "sign_in_other", "look_again")
    assert "approve" not in does(plan)
    before = people.now()
    people.press(walk.requester, plan, "sign_in_other")
    again = walk.card("a sign-in card", "ask_administrator", link=True, after=before)
    assert first["id"] == plan["id"] == again["id"]
    walk.open(again)
    assert walk.card("a plan card", "approve")["id"] == plan["id"]
    people.patch({"users": {"helpdesk@contoso.com": {"roles": []}}})
    walk.type(f"/cancel {walk.mailbox}")
    over = walk.saying("was canceled")
    assert (over["id"], does(over)) == (plan["id"], set())


def _at_consent(new_walk, **details):
    walk = new_walk()
    walk.approve(walk.plan(**details))
    return walk, walk.card("a consent card", "look_again", link=True, seconds=40)


@pytest.mark.parametrize(
    ("who", "decision", "says"),
    [
        ("admin@contoso.com", "decline", "The permission was declined."),
        ("helpdesk@contoso.com", "accept", "An administrator must consent"),
    ],
)
def test_consent_that_does_not_count(new_walk, who, decision, says):
    """A consent that is declined and one that is not allowed each have their own words.

    The card still leads to Microsoft.
    """
    walk, card = _at_consent(new_walk)
    assert "The card in Webex shows how to continue" in walk.open(card, who, decision).text
    again = walk.saying(says)
    assert (bool(links(again)), {"ask_consent", "look_again"} <= does(again)) == (True, True)
    walk.open(again)
    walk.form()


def test_consent_granted_in_the_portal(stack, people, new_walk):
    """The button Already granted makes the bot look at the consent again.

    If consent is given in the portal, the setup goes on without a press.
    """
    walk, card = _at_consent(new_walk)
    app = apps(people)[0]
    before = people.now()
    walk.people.press(walk.requester, card, "look_again")
    walk.people.wait_for(
        "the consent card again, or a word", lambda each: "grant" in words(each), after=before
    )
    tenant = people.tenant()["id"]
    people.open_link(
        walk.admin, f"{stack.cloud_url}/{tenant}/adminconsent?client_id={app['appId']}"
    )
    walk.form()


def test_session_revoked_in_the_middle(people, new_walk):
    """After a revoked session the sign-in card comes again, and the run keeps its finished work."""
    walk, card = _at_consent(new_walk)
    people.patch({"revoke_sessions": "admin@contoso.com"})
    before = people.now()
    people.control("POST", "faults", {"prefix": "/graph", "status": 401, "times": 20})
    people.press(walk.requester, card, "look_again")
    again = walk.card("a sign-in card", "ask_administrator", link=True, after=before, seconds=30)
    people.control("DELETE", "faults")
    assert "The administrator" in band(again) or "Sign in" in band(again)
    walk.open(again)
    walk.consent()
    walk.form()
    assert len(apps(people)) == 1
