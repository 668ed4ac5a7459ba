"""Press of Registered after the bot has read the registration and sent the test mail.

The bot reads the registration in Webex Connect's audit log.
"""

from practice.client import does
from practice.conversation import words

SHARES_STACK = True


def test_a_late_press_sends_the_mail_again_and_keeps_the_cards(people, new_walk):
    """A late press of Registered begins the proof again in the cards that are there.

    A second test mail is sent, and the setup comes to its end.
    """
    walk = new_walk()
    walk.approve(walk.plan())
    walk.consent()
    form = walk.enter()
    people.control("POST", "connect/generate_token", {"as": walk.mailbox})
    people.control("POST", "connect/save", {})
    people.press(walk.requester, form, "token_saved")
    people.until("no button for it", lambda: "token_saved" not in does(people.renewed(form)))
    people.control("POST", "connect/register", {"service": "Email service"})
    walk.rehearse()
    walk.task()
    waiting = walk.card("the agent's turn", "agent_has_it", seconds=40)
    first = len(walk.tasks())
    people.press(walk.requester, form, "registered", version=0)
    people.until("the second test mail", lambda: len(walk.tasks()) > first, 40)
    again = walk.card("the agent's turn again", "agent_has_it", seconds=40, after=waiting["change"])
    assert "Registered" in words(again)
    assert "Subject  Webex email test" in words(again)
    walk.answer()
    assert "is connected to Webex Contact Center" in words(walk.done())
