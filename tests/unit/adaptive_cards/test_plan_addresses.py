"""Tests of addresses, hosts and grants on the plan's card.

Addresses are shown in full, and foreign hosts are confirmed before an approval.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from adaptive_cards import Card

Cards = dict[str, Card]
Nodes = Callable[[Any], Iterator[dict[str, Any]]]


def verbs(card: Card, nodes: Nodes) -> set[str]:
    """Return the verbs of the card's buttons."""
    return {node["data"]["do"] for node in nodes(card.content) if "data" in node}


@pytest.mark.parametrize(
    ("name", "offered"),
    [
        ("plan-addresses", {"approve", "approve_tenant"}),
        ("plan-foreign", {"confirm_hosts"}),
        ("plan-foreign-confirmed", {"approve", "approve_tenant"}),
        ("plan-foreign-tenant-only", {"confirm_hosts"}),
        ("plan-foreign-approved", set()),
        ("plan-foreign-blocked", set()),
    ],
)
def test_foreign_hosts_are_confirmed_before_an_approval(name, offered, examples, nodes):
    """A plan with foreign hosts has no button for an approval until the hosts are confirmed.

    The confirmation itself approves nothing.
    """
    asking = {"approve", "approve_tenant", "confirm_hosts"}
    assert verbs(examples[name], nodes) & asking == offered


def test_the_confirmation_names_run_and_plan(examples, nodes):
    """The confirmation of hosts names its run and plan, as an approval does.

    So a press on the card of an older plan confirms nothing.
    """
    found = [
        node["data"]
        for node in nodes(examples["plan-foreign"].content)
        if node.get("data", {}).get("do") == "confirm_hosts"
    ]
    assert found == [{"do": "confirm_hosts", "run": "7Q4K", "plan": "p3"}]
