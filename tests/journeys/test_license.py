"""License that is removed in the middle of a setup: it is named, with who assigns it again."""

import pytest

from practice.conversation import band, words

SHARES_STACK = True

LOST = "The user has no Exchange license."
REMEDY = "A Microsoft 365 administrator assigns a license with Exchange Online"


def _license(people, mailbox, *, there):
    people.patch({"users": {mailbox: {"licensed": there}}})


def _named(walk, *verbs):
    """Return the card with these buttons that names the license.

    Assert that the card says that an administrator acts.
    """
    found = walk.wait(
        "a card that names the license",
        lambda each: LOST in words(each) and set(verbs) <= set(_verbs(each)),
        60,
    )
    assert "admin@contoso.com's turn" in band(found)
    assert REMEDY in words(found)
    assert "Nobody has to act" not in words(found)
    return found


def _verbs(message):
    return [verb for verb in ("look_again", "rehearse") if f"'{verb}'" in str(message["card"])]


@pytest.fixture
def walk(people, new_walk):
    """Walk whose mailbox has its license again at the end."""
    found = new_walk()
    yield found
    _license(people, found.mailbox, there=True)


def test_before_the_rehearsal(people, walk):
    """If the license is removed before the rehearsal, the card names it.

    The mail server refuses the token, and the card does not call that a change that spreads by
    itself. After the license is back, the setup comes to its end.
    """
    walk.approve(walk.plan())
    walk.consent()
    walk.fill_in()
    _license(people, walk.mailbox, there=False)
    walk.rehearse()
    _named(walk, "rehearse")
    stuck = _named(walk, "look_again")
    _license(people, walk.mailbox, there=True)
    people.press(walk.requester, stuck, "look_again")
    walk.answer()
    walk.done()
