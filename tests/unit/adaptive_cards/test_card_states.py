"""Tests of the contents and buttons of each card in each state."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from adaptive_cards import Card
from adaptive_cards.cards.questions import IntakeView, intake
from adaptive_cards.views import Header

Cards = dict[str, Card]
Nodes = Callable[[Any], Iterator[dict[str, Any]]]


def test_plan_buttons_name_their_plan(examples: Cards, nodes: Nodes):
    """An approval carries its run and plan, so a press on an older card approves nothing else."""
    data = {
        node["data"]["do"]: node["data"]
        for node in nodes(examples["plan"].content)
        if "data" in node
    }
    named = {"run": "7Q4K", "plan": "p3"}
    assert data == {
        do: {"do": do, **named} for do in ("approve_tenant", "approve", "cancel", "least_privilege")
    }


def test_plan_counts_what_each_approval_covers(examples: Cards):
    """The green button of a plan approves the changes of the app and the mailbox.

    Changes of the tenant are approved and counted separately.
    """
    assert '"Approve 8 changes"' in json.dumps(examples["plan"].content)
    assert examples["plan"].text.startswith(
        "9 changes to approve. Nothing is changed yet. Approver's turn: approve both "
        "below. 8 changes to one app and one mailbox, and 1 to"
    )
    assert "Nothing is changed yet" not in examples["plan-approved"].text
    assert "1 change still to approve" in examples["plan-anew"].text
    assert examples["plan-mixed"].text.endswith(
        "Approver's turn: approve 2 changes to one mailbox."
    )


def test_intake_keeps_what_was_typed(examples: Cards, nodes: Nodes):
    """The first card of a setup keeps the typed values.

    A choice that does not exist becomes the default.
    """
    fields = {
        node["id"]: node.get("value", "")
        for node in nodes(examples["intake-errors"].content)
        if "id" in node
    }
    assert fields == {
        "callback_url": "https://contoso.us.webexconnect.io",
        "forwarding_address": "4475e4a8d1f03b6c8a108d26d8beea04@mail-us.imiconnect.io",
        "lifetime": "12",
        "keep_copy": "yes",
        "profile": "article",
        "administrator": "",
        "check_login": "yes",
    }
    assert "mailbox" in {node.get("id") for node in nodes(examples["intake-mailbox"].content)}


@pytest.mark.parametrize(
    ("typed", "kept"), [("no", "no"), ("false", "no"), ("true", "yes"), ("maybe", "yes")]
)
def test_intake_keeps_a_switch(typed: str, kept: str, nodes: Nodes):
    """The answer No stays No while another field is corrected, in each spelling that is sent."""
    card = intake(IntakeView(Header("7Q4K", "support@contoso.com", 1), {"keep_copy": typed}))
    assert [node["value"] for node in nodes(card.content) if node.get("id") == "keep_copy"] == [
        kept
    ]


def test_connect_form_names_the_secret_only_as_a_link(examples: Cards, nodes: Nodes):
    """The card with the values for Webex Connect has the secret behind a link that opens once.

    When the secret is gone, the link is gone as well.
    """
    assert [node["url"] for node in nodes(examples["connect"].content) if "url" in node] == [
        "https://bot.contoso.com/handover/7Q4K"
    ]
    assert [
        node["url"] for node in nodes(examples["connect-filled-in"].content) if "url" in node
    ] == []
