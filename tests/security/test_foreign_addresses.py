"""Addresses that send mail and sign-ins elsewhere: refused at the form, or named on the plan.

The tests go through the real processes.
"""

import re

import pytest

from adaptive_cards.texts import text
from jobs.runs.audit import read
from jobs.storage import keys
from practice.client import actions, does
from practice.conversation import words

APPROVER = "admin@contoso.com"
EVIL = "a.imiconnect.io.evil.example"
CALLBACK, FORWARDING = f"https://{EVIL}/callback", "copies@evil.example"
CYRILLIC_O = "\u043e"
STACK = {"env": {"APPROVERS": APPROVER}}
"""Approver who is not the requester."""


@pytest.fixture
def redis(presses):
    """Connection to the bot's own Redis."""
    return presses.redis


def data_of(card, do):
    """Return the data that a card's button with this verb sends."""
    return next(each["data"] for each in actions(card) if each.get("data", {}).get("do") == do)


def approvals(redis):
    """Return the data of every approval in the audit trail."""
    lines = [read(line) for line in redis.lrange(keys.audit_entries(), 0, -1)]
    return [entry["data"] for entry in lines if entry["what"] == "approved"]


def started(walk, **more):
    """Play from the command to the sign-in, and return the plan card.

    The plan waits for somebody to confirm its hosts.
    """
    walk.ask()
    walk.open(walk.details(**more))
    return walk.card("a plan with foreign hosts", "confirm_hosts")


def test_a_host_that_only_begins_like_webex_connects(redis, people, presses, new_walk):
    """No approval counts before an approver has confirmed the foreign hosts that the plan names.

    A forged approval by the approver themselves is refused, too. The audit entry of the approval
    has both addresses in full and the confirmed hosts.
    """
    walk = new_walk("support@contoso.com")
    plan = started(walk, callback_url=CALLBACK, forwarding_address=FORWARDING, profile="least")
    shown = words(plan)
    assert [value for value in (CALLBACK, FORWARDING, EVIL) if value not in shown] == []
    assert {"approve", "approve_tenant"} & does(plan) == set()
    confirm = data_of(plan, "confirm_hosts")
    refused = text("refused.unconfirmed", hosts=f"{EVIL} and evil.example")
    for verb in ("approve", "approve_tenant"):
        assert refused in presses.answers(APPROVER, plan, [{**confirm, "do": verb}])[0]
    assert text("refused.not_approver", who=APPROVER) in words(walk.press(plan, "confirm_hosts"))
    assert (walk.writes(), approvals(redis)) == ([], [])
    people.press(APPROVER, plan, "confirm_hosts")
    ready = walk.card("a plan to approve", "approve", after=plan["change"])
    assert (APPROVER in words(ready), "confirm_hosts" in does(ready)) == (True, False)
    people.press(APPROVER, ready, "approve")
    walk.offer(60)
    assert len(walk.writes()) > 3
    assert approvals(redis) == [
        {
            "plan": confirm["plan"],
            "scope": "mailbox",
            "callback_url": CALLBACK,
            "forwarding_address": FORWARDING,
            "foreign_hosts": f"{EVIL} evil.example",
        }
    ]
    walk.type(f"/cancel {walk.mailbox}")


def test_another_callback_is_another_plan(people, presses, new_walk):
    """An approval of a plan with one Call Back URL does not count for a plan with another one."""
    plans = []
    for callback in (
        "https://a.us.webexconnect.io/callback",
        "https://b.us.webexconnect.io/callback",
    ):
        walk = new_walk("service@contoso.com")
        plans.append(data_of(walk.plan(callback_url=callback), "approve"))
        walk.type(f"/cancel {walk.mailbox}")
    assert plans[0]["plan"] != plans[1]["plan"]
    walk = new_walk("service@contoso.com")
    card = walk.plan(callback_url="https://b.us.webexconnect.io/callback")
    forged = {**data_of(card, "approve"), "plan": plans[0]["plan"]}
    assert text("refused.old") in presses.answers(APPROVER, card, [forged])[0]
    assert (walk.writes(), data_of(card, "approve")["plan"]) == ([], plans[1]["plan"])
    walk.type(f"/cancel {walk.mailbox}")


def test_the_form_refuses_what_can_be_read_in_two_ways(people, presses, new_walk):
    """An address that can be read in two ways is refused with its own sentence on the same card.

    The run does not get the address.
    """
    walk = new_walk("s.desk@contoso.com")
    card = walk.ask()
    run = re.findall(r"'run': '(\w{6})'", str(card["card"]))[0]
    before = presses.history(run)
    letter = f"{CYRILLIC_O} (Cyrillic U+043E)"
    tried = {
        "forwarding_address": [
            (f"steal@imic{CYRILLIC_O}nnect.io", letter),
            ("x1@mail-us.imiconnect\u3002io", "U+3002"),
        ],
        "callback_url": [
            (f"https://imic{CYRILLIC_O}nnect.io/callback", letter),
            ("https://a.imiconnect.io.evil.example/](https://x)/callback", "] cannot be"),
            ("https://169.254.169.254/callback", text("typed.callback_ip")),
            ("https://a.webexconnect.io/callback?", text("typed.callback_query")),
            ("https://a.webexconnect.io:99999/callback", text("typed.callback_port")),
        ],
    }
    for name, values in tried.items():
        for value, sentence in values:
            assert sentence in words(walk.press(card, "intake", walk.right(**{name: value}))), value
            card = walk.card("the same card", "intake")
    assert presses.history(run) == before
    walk.type(f"/cancel {walk.mailbox}")


@pytest.mark.parametrize("typed", ["\uff53upport@contoso.com", "support@contoso\u3002com"])
def test_an_address_in_other_characters_is_no_other_channel(redis, new_walk, typed):
    """A command with an address in look-alike characters starts nothing.

    The answer offers the plain spelling.
    """
    before = redis.zcard(keys.runs_open())
    answer = new_walk(typed).ask()
    assert ("Use support@contoso.com" in str(answer["card"]), "U+" in words(answer)) == (True, True)
    assert redis.zcard(keys.runs_open()) == before
