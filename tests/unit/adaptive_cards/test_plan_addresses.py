"""Tests of addresses, hosts and grants on the plan's card.

Addresses are shown in full, and foreign hosts are confirmed before an approval.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from adaptive_cards import Card
from adaptive_cards.texts import text
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
        ("plan-addresses", [CALLBACK, FORWARDING, "support@contoso.com"]),
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


def test_whose_turn_it_is_names_the_confirmation(examples: Cards):
    """The text of a plan card says that foreign hosts need a confirmation.

    A client without cards shows only that text.
    """
    assert text("plan.foreign_turn") in examples["plan-foreign"].text
    assert text("plan.foreign_turn") not in examples["plan-foreign-confirmed"].text


@pytest.mark.parametrize(
    ("name", "glyph", "words"),
    [
        ("plan-addresses", "▲", "every user who signs in to it"),
        ("plan-one-user", "✓", "for support@contoso.com only, and for no other user"),
    ],
)
def test_for_whom_permissions_are_granted(name: str, glyph: str, words: str, examples: Cards):
    """A grant for all users is a warning that says "all users".

    A grant for one user names that user.
    """
    rows = [json.dumps(each, ensure_ascii=False) for each in examples[name].content["body"]]
    assert [glyph in row for row in rows if words in row] == [True]


def test_the_consent_card_says_all_users(examples: Cards, nodes: Nodes):
    """The consent card says that the consent to SMTP.Send holds for all users of the tenant."""
    shown = json.dumps(examples["consent"].content)
    assert shown.count("all users of the tenant") == 1
    facts = [node for node in nodes(examples["consent"].content) if node.get("title") == "For"]
    assert [each["value"] for each in facts] == ["All users of the tenant"]
