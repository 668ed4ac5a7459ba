"""Clouds with faults: slow directories, refused edits, busy services.

People see the reason for each wait, and the run arrives.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from practice.client import People
from practice.conversation import Walk, apps, words

CARDS_MAY_LAG = True
PLAIN = {"replication_s": 0.5, "customization_s": 2.0}
CREATES = (
    "graph.application.create",
    "exchange.New-HostedOutboundSpamFilterPolicy",
    "exchange.New-HostedOutboundSpamFilterRule",
)


@pytest.fixture
def weather(people: People) -> Iterator[People]:
    """The people, and fair weather again in the end."""
    yield people
    people.control("DELETE", "faults")
    people.control("PUT", "settings", PLAIN)
    people.control("PUT", "webex/options", {"card_edits": True, "duplicates": 0, "read_lag_s": 0.0})


def _one_of_each(walk: Walk) -> None:
    """M4 does not wait for people, so it may come after the form."""
    walk.people.until("the last rule", lambda: CREATES[-1] in walk.writes(), 60)
    writes = walk.writes()
    assert {name: writes.count(name) for name in writes if "New-" in name} == dict.fromkeys(
        CREATES[1:], 1
    )
    assert [len(app["passwordCredentials"]) for app in apps(walk.people)] == [1]


def _said_twice(cards: list[dict[str, Any]]) -> list[str]:
    """Return the cards that ask the same of the same people as the previous card of their stage.

    Their news could have waited.
    """
    asks = [
        (
            words(card).splitlines()[0],
            [line for line in words(card).splitlines() if line.startswith("▌")][1:2]
            + [line for line in words(card).splitlines() if line.startswith("Also: ")],
        )
        for card in cards
    ]
    before: dict[str, list[str]] = {}
    twice = []
    for stage, turn in asks:
        twice += [f"{stage}: {turn}"] if before.get(stage) == turn else []
        before[stage] = turn
    return twice


def test_webex_that_refuses_edits_and_sends_twice(weather: People, new_walk: Any) -> None:
    """If cards cannot be edited, news for a person is posted as new cards in the thread.

    Duplicate events do nothing twice.
    """
    weather.control(
        "PUT", "webex/options", {"card_edits": False, "duplicates": 2, "read_lag_s": 0.3}
    )
    walk = new_walk()
    wrong = walk.press(walk.ask(), "intake", walk.right(callback_url="http://x.example/callback"))
    assert "One field needs a correction" in words(wrong)
    walk.open(walk.details())
    walk.approve(walk.card("a plan card", "approve"))
    walk.consent()
    walk.form()
    mine = [
        each
        for each in weather.messages.values()
        if each["change"] > walk.since and each["from"].endswith("@webex.bot")
    ]
    assert {each["edits"] for each in mine} == {0}
    assert {
        each["parentId"]
        for each in mine
        if each["roomType"] == "group" and "Help" not in words(each)
    } == {walk.said["id"]}
    assert _said_twice(mine) == []
    _one_of_each(walk)


def test_a_webex_that_shows_late_what_it_tells_of(weather: People, new_walk: Any) -> None:
    """A command that cannot be read for four seconds is answered, once."""
    weather.control("PUT", "webex/options", {"read_lag_s": 4.0})
    walk = new_walk()
    assert "What the bot can do" in words(walk.type("/help"))


@pytest.mark.parametrize("prefix", ["/graph", "/adminapi", "/webex"])
@pytest.mark.parametrize(
    "fault", [{"status": 429, "headers": {"Retry-After": "1"}}, {"status": 503}], ids=["429", "503"]
)
def test_busy_services(weather: People, new_walk: Any, prefix: str, fault: dict[str, Any]) -> None:
    """A few refusals in the middle are waited out; nothing is made twice."""
    walk = new_walk()
    plan = walk.plan(profile="least")
    weather.control("POST", "faults", {"prefix": prefix, "times": 3, "skip": 2, **fault})
    walk.approve(plan)
    walk.form()
    _one_of_each(walk)


def test_replication_of_three_seconds(weather: People, new_walk: Any) -> None:
    """The directory's delay is waited for, and the run makes one of each."""
    weather.control("PUT", "settings", {"replication_s": 3.0})
    walk = new_walk()
    walk.approve(walk.plan())
    walk.consent()
    walk.form(60)
    _one_of_each(walk)


def test_forwarding_blocked_by_another_rule(weather: People, new_walk: Any) -> None:
    """If another rule covers the mailbox, the plan copies its limits and gets a higher priority."""
    walk = new_walk()
    tenant = weather.control("GET", "tenants/contoso.com")
    strict = tenant["outbound_policies"][0] | {
        "Name": "Strict",
        "Identity": "Strict",
        "IsDefault": False,
        "AutoForwardingMode": "Off",
    }
    strict |= {"RecipientLimitPerDay": 77}
    rule = {
        "Name": "Strict",
        "Identity": "Strict",
        "HostedOutboundSpamFilterPolicy": "Strict",
        "From": [walk.mailbox],
        "Priority": 0,
    }
    rule |= {"State": "Enabled", "FromMemberOf": [], "SenderDomainIs": [], "ExceptIfFrom": []}
    state = {"outbound_policies": [*tenant["outbound_policies"], strict], "outbound_rules": [rule]}
    weather.control("PATCH", "tenants/contoso.com", state)
    plan = walk.plan(profile="least")
    assert "Off, by the policy Strict" in words(plan)
    walk.approve(plan)
    walk.form()
    after = weather.control("GET", "tenants/contoso.com")
    ours = [each for each in after["outbound_policies"] if each["Name"].startswith("Webex Connect")]
    assert [(each["AutoForwardingMode"], each["RecipientLimitPerDay"]) for each in ours] == [
        ("On", 77)
    ]
    assert sorted((each["Priority"], each["Name"][:6]) for each in after["outbound_rules"]) == [
        (0, "Webex "),
        (1, "Strict"),
    ]
