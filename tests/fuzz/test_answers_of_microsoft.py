"""Odd answers of Graph and Exchange to the reads of a check and of a setup.

Whatever they are, they do not say that something does not exist, or that everything is well.
"""

import pytest

from practice.actors import MAILBOX, REQUESTER
from practice.client import does
from practice.conversation import Walk, band, space, words
from tests.fixtures.stacks import checked
from tests.fuzz.conftest import ROUNDS

pytestmark = pytest.mark.usefixtures("no_traceback")

BODIES = [
    *("", "null", "{}", "[]", "[{}]", "7", '"text"', '{"value": null}', '{"value": []}'),
    *('{"value": {}}', '{"value": [7]}', '{"value": [[]]}', '{"value": "text"}', '{"value": [{}]}'),
    *('{"error": {}}', '{"@odata.context": "x"}', "<html><body>no</body></html>", '{"value": [{"'),
    *("\0" * 512, "[" * 9999),
]
ODD = [(204, ""), (404, ""), (404, "<html>"), *((200, body) for body in BODIES)]
CLOUDS = ["/graph", "/adminapi"]
BROKEN = [{"forwarding_smtp_address": None}, {"smtp_auth_disabled": True}]
FALSE = [
    "The mailbox was not found",
    "Nobody in this tenant",
    "has no mailbox",
    "object does not exist",
]


def odd(people, random, times):
    """Have one cloud's next calls answered with one odd shape."""
    status, body = random.choice(ODD)
    fault = {"prefix": random.choice(CLOUDS), "status": status, "body": body, "times": times}
    people.control("POST", "faults", fault)


@pytest.mark.parametrize("number", range(10 * ROUNDS))
def test_a_check_of_a_broken_channel(channel, random, number):
    """A check that gets odd answers is not green, finds nothing missing, and names a next step."""
    box = channel.tenant()["users"][MAILBOX]["mailbox"]
    broken = random.choice(BROKEN)
    _mailbox(channel, broken)
    odd(channel, random, 10_000)
    try:
        card = checked(channel)
    finally:
        channel.control("DELETE", "faults")
        _mailbox(channel, {name: box[name] for name in broken})
    assert [each for each in FALSE if each in words(card)] == []
    assert "Nothing wrong" not in band(card)
    assert "Nobody has to act" not in band(card)


@pytest.mark.parametrize("number", range(5 * ROUNDS))
def test_the_reads_of_a_setup(people, random, number):
    """A setup whose first reads get odd answers shows its whole plan, after another look if asked.

    Until then it says of nothing that it does not exist.
    """
    walk = Walk(people, "helpdesk@contoso.com", space(people))
    walk.ask()
    card = walk.details()
    before = people.now()
    odd(people, random, random.randint(1, 8))
    walk.open(card)
    plan = walk.wait("a plan", lambda each: bool(does(each) & {"approve", "look_again"}), 30)
    people.control("DELETE", "faults")
    if "approve" not in does(plan):
        people.press(REQUESTER, plan, "look_again")
        walk.card("the whole plan", "approve", after=plan["change"])
    new = [each for each in people.messages.values() if each["change"] > before]
    assert [each for each in FALSE for told in new if each in words(told)] == []
    walk.type(f"/cancel {walk.mailbox}")


def _mailbox(people, state):
    people.patch({"users": {MAILBOX: {"mailbox": state}}})
