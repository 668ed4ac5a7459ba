"""Tests of addresses, hosts and grants on the plan's card.

Addresses are shown in full, and foreign hosts are confirmed before an approval.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from adaptive_cards import Card
from tests.unit.adaptive_cards.plan_address_examples import CALLBACK, EVIL, FORWARDING

Cards = dict[str, Card]
Nodes = Callable[[Any], Iterator[dict[str, Any]]]


def verbs(card: Card, nodes: Nodes) -> set[str]:
    """Return the verbs of the card's buttons."""
    return {node["data"]["do"] for node in nodes(card.content) if "data" in node}


def blocks(card: Card, nodes: Nodes) -> list[str]:
    """Return the texts of the card, without the escapes of Markdown."""
    return [
        node["text"].replace("\\", "")
        for node in nodes(card.content)
        if node.get("type") in {"TextBlock", "TextRun"}
    ]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("plan-addresses", [CALLBACK, FORWARDING]),
        ("plan-foreign", [f"https://{EVIL}/callback", EVIL, "copies@xn--80ak6aa92e.example"]),
        ("plan-foreign", ["\u0430\u0440\u0440\u04cf\u0435.example"]),
        ("plan-foreign-confirmed", [f"https://{EVIL}/callback", EVIL]),
    ],
)
def test_no_address_is_shortened(name: str, values: list[str], examples: Cards, nodes: Nodes):
    """A plan shows the addresses for sign-ins and mail in full.

    An address in another alphabet is shown in both spellings.
    """
    shown = blocks(examples[name], nodes)
    assert [value for value in values if value not in shown] == []


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
def test_foreign_hosts_are_confirmed_before_an_approval(
    name: str, offered: set[str], examples: Cards, nodes: Nodes
):
    """A plan with foreign hosts has no button for an approval until the hosts are confirmed.

    The confirmation itself approves nothing.
    """
    asking = {"approve", "approve_tenant", "confirm_hosts"}
    assert verbs(examples[name], nodes) & asking == offered


def test_the_confirmation_names_run_and_plan(examples: Cards, nodes: Nodes):
    """The confirmation of hosts names its run and plan, as an approval does.

    So a press on the card of an older plan confirms nothing.
    """
    found = [
        node["data"]
        for node in nodes(examples["plan-foreign"].content)
        if node.get("data", {}).get("do") == "confirm_hosts"
    ]
    assert found == [{"do": "confirm_hosts", "run": "7Q4K", "plan": "p3"}]
