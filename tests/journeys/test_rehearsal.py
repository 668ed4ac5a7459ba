"""Rehearsal and proof with complications.

No probe server runs here, so a person sends the test mail.
"""

import pytest

from practice import cardtext
from practice.client import does
from practice.conversation import FORM, band, connect_fields, words

STACK = {"env": {"PROBE_SMTP_URL": "", "PROBE_FROM": ""}}
"""No mail server for test mails, so that a person sends the test mail."""


@pytest.fixture
def at_form(new_walk):
    """Walk that has come to the form of Webex Connect."""
    walk = new_walk()
    walk.approve(walk.plan(profile="least"))
    walk.form()
    return walk


def secrets(people):
    """Return the app's client secrets as an administrator sees them."""
    return list(people.tenant()["applications"][0]["passwordCredentials"])


LOG, READ = "auditLogs/signIns", "the token was generated"


def looks(people):
    """Return how often the bot has read the sign-in log."""
    return sum(LOG in call["path"] for call in people.control("GET", "calls")["items"])


@pytest.mark.parametrize("numbered", [False, True], ids=["our IDs", "its own IDs"])
def test_a_rehearsal_claims_no_token(people, at_form, numbered):
    """After a rehearsal the cards claim no token before somebody has pressed Generate Token.

    Then the bot reads it in the log, if the log keeps the bot's IDs. Otherwise the requester says
    it, with a button that is there in either case.
    """
    people.patch({"log_numbers_itself": numbered})
    walk = at_form
    form = walk.form()
    secret = walk.secret(form)
    fields = {key: cardtext.value(form["card"], label) for label, key in FORM.items()}
    walk.rehearse()
    walk.saying("Rehearsal succeeded", seconds=40)
    seen = looks(people)
    people.until("two more looks at the log", lambda: looks(people) >= seen + 3, 60)
    assert "token_saved" in does(people.renewed(form))
    assert READ not in words(people.renewed(form))
    people.control("POST", "connect/app", connect_fields(fields) | {"client_secret": secret})
    people.control("POST", "connect/generate_token", {"as": walk.mailbox})
    if not numbered:
        people.until("the token in the log", lambda: READ in words(people.renewed(form)), 60)
    people.control("POST", "connect/save", {})
    people.press(walk.requester, form, "token_saved")
    people.until("no button for it", lambda: "token_saved" not in does(people.renewed(form)))
    assert "the token is saved" in words(people.renewed(form))
    people.patch({"log_numbers_itself": False})


def test_wrong_user_then_smtp_off_then_skipped(people, at_form):
    """Each failed rehearsal names its cause, and a skipped one needs a reason.

    After the rehearsal is skipped, the bot's own client secret is removed.
    """
    walk = at_form
    page = walk.rehearse("agent@contoso.com")
    card = walk.saying("The rehearsal of Generate Token failed")
    told = "is not the right account" in page.text
    assert ("rehearse" in does(card), told) == (True, True), page.text
    people.mailbox(walk.mailbox, smtp_auth_disabled=True)
    assert len(secrets(people)) == 2
    walk.rehearse()
    assert "SMTP AUTH is off for the mailbox." in words(walk.saying("535 5.7.139"))
    assert "5.7.139" in words(walk.card("a failed rehearsal", "rehearse"))
    refused = walk.press(walk.offer(), "skip_rehearsal", {"skip_reason": "   "}, force=True)
    assert "Enter a reason" in words(refused)
    walk.skip("The mailbox user is away")
    assert "The mailbox user is away" in words(walk.saying("Rehearsal skipped"))
    people.until("the bot's own secret is removed", lambda: len(secrets(people)) == 1, 30)


def test_person_sends_the_test_mail(people, at_form):
    """A person can send the test mail to the address and with the subject that the card shows.

    A mail from the mailbox to itself does not count. The agent's answer proves the channel.
    """
    walk = at_form
    walk.fill_in()
    walk.skip()
    card = walk.card("a card that asks to send the test mail", "test_sent", seconds=30)
    subject = next(
        line.removeprefix("Subject").strip()
        for line in words(card).splitlines()
        if line.startswith("Subject")
    )
    sent = {"from": walk.mailbox, "to": walk.mailbox, "subject": subject, "body": "Hello"}
    people.control("POST", "mail/customer", sent)
    people.press(walk.requester, card, "test_sent")
    walk.saying("The test mail came from the mailbox itself", seconds=30)
    card = walk.card("the card that asks for another one", "test_sent", seconds=30)
    people.control("POST", "mail/customer", sent | {"from": "customer@customer.example"})
    people.press(walk.requester, card, "test_sent")
    walk.answer()
    done = walk.done()
    assert "skipped" in words(done).lower()
    assert (
        band(done).splitlines()[0] == "✓  support@contoso.com is connected to Webex Contact Center"
    )
