"""Press of Registered after the bot has read the registration and sent the test mail.

The bot reads the registration in Webex Connect's audit log.
"""

from __future__ import annotations

from typing import Any

from practice import cardtext
from practice.client import People, does
from practice.conversation import FORM, connect_fields, words

SHARES_STACK = True


def test_a_late_press_sends_the_mail_again_and_keeps_the_cards(people, new_walk):
    """A late press of Registered begins the proof again in the cards that are there.

    A second test mail is sent, and the setup comes to its end.
    """
    walk = new_walk()
    walk.approve(walk.plan())
    walk.consent()
    form = walk.form()
    secret = walk.secret(form)
    fields = {key: cardtext.value(form["card"], label) for label, key in FORM.items()}
    people.control("POST", "connect/app", connect_fields(fields) | {"client_secret": secret})
    people.control("POST", "connect/generate_token", {"as": walk.mailbox})
    people.control("POST", "connect/save", {})
    people.press(walk.requester, form, "token_saved")
    people.until("no button for it", lambda: "token_saved" not in offered(people, form))
    people.control("POST", "connect/register", {"service": "Email service"})
    walk.rehearse()
    walk.task()
    waiting = walk.card("the agent's turn", "agent_has_it", seconds=40)
    first = len(tasks(walk))
    people.press(walk.requester, form, "registered", version=0)
    people.until("the second test mail", lambda: len(tasks(walk)) > first, 40)
    again = walk.card("the agent's turn again", "agent_has_it", seconds=40, after=waiting["change"])
    assert "Registered" in words(again)
    assert "Subject  Webex email test" in words(again)
    walk.answer()
    assert "is connected to Webex Contact Center" in words(walk.done())


def offered(people: People, form: Any) -> set[str]:
    """Return the buttons of the form's card as it is now."""
    return does(people.messages[form["id"]])


def tasks(walk: Any) -> list[Any]:
    """Return the contact center's tasks about the mailbox."""
    items = walk.people.control("GET", "agent/tasks")["items"]
    return [each for each in items if walk.mailbox in str(each)]
