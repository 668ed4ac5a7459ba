"""Clouds with faults: slow directories, late messages, busy services.

People see the reason for each wait, and the run comes to its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from practice.client import People
from practice.conversation import words
from tests.journeys.made_once import one_of_each

PLAIN = {"replication_s": 0.5, "customization_s": 2.0}


@pytest.fixture
def weather(people: People) -> Iterator[People]:
    """People of a stack whose clouds work as usual again at the end."""
    yield people
    people.control("DELETE", "faults")
    people.control("PUT", "settings", PLAIN)
    people.control("PUT", "webex/options", {"read_lag_s": 0.0})


def test_a_webex_that_shows_late_what_it_tells_of(weather: People, new_walk: Any) -> None:
    """A command that the bot cannot read for four seconds is answered, once."""
    weather.control("PUT", "webex/options", {"read_lag_s": 4.0})
    walk = new_walk()
    assert "What the bot can do" in words(walk.type("/help"))


@pytest.mark.parametrize("prefix", ["/graph", "/adminapi", "/webex"])
@pytest.mark.parametrize(
    "fault", [{"status": 429, "headers": {"Retry-After": "1"}}, {"status": 503}], ids=["429", "503"]
)
def test_busy_services(weather: People, new_walk: Any, prefix: str, fault: dict[str, Any]) -> None:
    """If a service refuses a few calls in a row, the run waits and goes on.

    Nothing is made twice.
    """
    walk = new_walk()
    plan = walk.plan(profile="least")
    weather.control("POST", "faults", {"prefix": prefix, "times": 3, "skip": 2, **fault})
    walk.approve(plan)
    walk.form()
    one_of_each(walk)


def test_replication_of_three_seconds(weather: People, new_walk: Any) -> None:
    """The run waits for a directory that is three seconds late, and makes one of each object."""
    weather.control("PUT", "settings", {"replication_s": 3.0})
    walk = new_walk()
    walk.approve(walk.plan())
    walk.consent()
    walk.form(60)
    one_of_each(walk)


def test_forwarding_blocked_by_another_rule(weather: People, new_walk: Any) -> None:
    """If another rule blocks the mailbox, the bot's policy copies its limits.

    The bot's rule gets a higher priority.
    """
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
