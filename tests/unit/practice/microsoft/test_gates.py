"""Tests of which outbound policy and which remote domain apply to a forwarded mail."""

from __future__ import annotations

from typing import Any

import pytest

from practice.mail import gates

EMPTY = dict.fromkeys(
    (
        "From",
        "FromMemberOf",
        "SenderDomainIs",
        "ExceptIfFrom",
        "ExceptIfFromMemberOf",
        "ExceptIfSenderDomainIs",
    ),
    (),
)


@pytest.mark.parametrize(
    ("rule", "sender", "applies"),
    [
        ({"From": ["SUPPORT@contoso.com"]}, "support@contoso.com", True),
        (
            {"From": ["support@contoso.com"], "SenderDomainIs": ["fabrikam.com"]},
            "support@contoso.com",
            False,
        ),
        ({"From": ["x@contoso.com", "support@contoso.com"]}, "support@contoso.com", True),
        ({"FromMemberOf": ["sales@contoso.com"]}, "agent@contoso.com", True),
        ({"FromMemberOf": ["sales@contoso.com"]}, "support@contoso.com", False),
        (
            {"SenderDomainIs": ["contoso.com"], "ExceptIfFrom": ["support@contoso.com"]},
            "support@contoso.com",
            False,
        ),
        ({"From": ["support@contoso.com"], "State": "Disabled"}, "support@contoso.com", False),
    ],
)
def test_conditions_are_joined_by_and_their_values_by_or(
    services: Any, rule: dict[str, Any], sender: str, *, applies: bool
):
    """A rule applies if all its conditions hold, and a condition holds if one of its values fits.

    Exceptions win, a disabled rule does not count, and without a rule the default policy applies.
    """
    tenant = services.cloud.world.tenant("contoso.com")
    tenant.exchange.outbound_policies.append({"Name": "P", "IsDefault": False})
    tenant.exchange.outbound_rules.append(
        {**EMPTY, "State": "Enabled", "Priority": 0, "HostedOutboundSpamFilterPolicy": "P"} | rule
    )
    assert (gates.policy(tenant, tenant.user(sender))["Name"] == "P") is applies


def test_the_nearest_remote_domain_counts(services: Any):
    """The most specific remote domain applies: the exact name, then a wildcard, then ``*``."""
    tenant = services.cloud.world.tenant("contoso.com")
    tenant.exchange.remote_domains = [
        {"DomainName": name} for name in ("*", "*.b.example", "a.b.example")
    ]
    found = [
        gates.remote_domain(tenant, name)["DomainName"]
        for name in ("a.b.example", "c.b.example", "d.example")
    ]
    assert found == ["a.b.example", "*.b.example", "*"]
