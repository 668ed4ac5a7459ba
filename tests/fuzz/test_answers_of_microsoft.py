"""Odd answers of Graph and Exchange to the reads of a check and of a setup.

Whatever they are, they do not say that something does not exist, or that everything is well.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from practice.actors import ADMIN, MAILBOX, REQUESTER, SPACE
from practice.client import People, does, links
from practice.conversation import Walk, band, space, words
from tests.fuzz.conftest import ROUNDS

pytestmark = pytest.mark.usefixtures("no_traceback")

Json = dict[str, Any]
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


def odd(people: People, random: Random, times: int) -> None:
    """Have one cloud's next calls answered with one odd shape."""
    status, body = random.choice(ODD)
    fault = {"prefix": random.choice(CLOUDS), "status": status, "body": body, "times": times}
    people.control("POST", "faults", fault)


@pytest.mark.parametrize("number", range(10 * ROUNDS))
def test_a_check_of_a_broken_channel(channel: People, random: Random, number: int) -> None:
    """A check that gets odd answers is not green, finds nothing missing, and names a next step."""
    box = channel.control("GET", "tenants/contoso.com")["users"][MAILBOX]["mailbox"]
    broken = random.choice(BROKEN)
    _mailbox(channel, broken)
    odd(channel, random, 10_000)
    try:
        card = check(channel)
    finally:
        channel.control("DELETE", "faults")
        _mailbox(channel, {name: box[name] for name in broken})
    assert [each for each in FALSE if each in words(card)] == []
    assert "Nothing wrong" not in band(card)
    assert "Nobody has to act" not in band(card)


@pytest.mark.parametrize("number", range(5 * ROUNDS))
def test_the_reads_of_a_setup(people: People, random: Random, number: int) -> None:
    """A setup whose first reads get odd answers shows its whole plan, after another look if asked.

    Until then it says of nothing that it does not exist.
    """
    walk = Walk(people, "helpdesk@contoso.com", space(people))
    walk.ask()
    card = walk.details()
    people.look()
    before = people.change
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


def check(people: People) -> Json:
    """Type ``/check``, sign in as the administrator, and return the card of the ended check."""
    people.look()
    before = people.change
    people.say(REQUESTER, f"/check {MAILBOX}", SPACE)
    begun: Callable[[Json], bool] = lambda m: (  # noqa: E731
        bool(m["card"]) and words(m).startswith("Check ") and bool(links(m))
    )
    card = people.wait_for("a check that offers a sign-in", begun, 20, before)
    people.open_link(ADMIN, links(card)[0])
    ended: Callable[[Json], bool] = lambda m: m["id"] == card["id"] and "ooking" not in words(m)  # noqa: E731
    return people.wait_for("the whole check", ended, 30, card["change"])


def _mailbox(people: People, state: Json) -> None:
    people.control("PATCH", "tenants/contoso.com", {"users": {MAILBOX: {"mailbox": state}}})
