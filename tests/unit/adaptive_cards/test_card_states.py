"""Tests of the contents and buttons of each card in each state."""

import pytest

from bot.cards.presenters.questions import TypedInputs, intake
from practice.webex.cards import parts
from tests.unit.adaptive_cards.progress_examples import RUN


def test_plan_buttons_name_their_plan(examples):
    """An approval carries its run and plan, so a press on an older card approves nothing else."""
    data = {
        node["data"]["do"]: node["data"]
        for node in parts(examples["plan"].content)
        if "data" in node
    }
    named = {"run": "7Q4K", "plan": "p3"}
    assert data == {
        do: {"do": do, **named} for do in ("approve_tenant", "approve", "cancel", "least_privilege")
    }


@pytest.mark.parametrize(
    ("typed", "kept"), [("no", "no"), ("false", "no"), ("true", "yes"), ("maybe", "yes")]
)
def test_intake_keeps_a_switch(typed, kept):
    """The answer No stays No while another field is corrected, in each spelling that is sent."""
    card = intake(RUN, TypedInputs({"keep_copy": typed}))
    assert [node["value"] for node in parts(card.content) if node.get("id") == "keep_copy"] == [
        kept
    ]


def test_connect_form_names_the_secret_only_as_a_link(examples):
    """The card with the values for Webex Connect has the secret behind a link that opens once.

    When the secret is gone, the link is gone as well.
    """
    assert [node["url"] for node in parts(examples["connect"].content) if "url" in node] == [
        "https://bot.contoso.com/handover/7Q4K"
    ]
    assert [
        node["url"] for node in parts(examples["connect-filled-in"].content) if "url" in node
    ] == []


def verbs(card) -> set[str]:
    """Return the verbs of the card's buttons."""
    return {node["data"]["do"] for node in parts(card.content) if "data" in node}


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
def test_foreign_hosts_are_confirmed_before_an_approval(name, offered, examples):
    """A plan with foreign hosts has no button for an approval until the hosts are confirmed.

    The confirmation itself approves nothing.
    """
    asking = {"approve", "approve_tenant", "confirm_hosts"}
    assert verbs(examples[name]) & asking == offered


def test_the_confirmation_names_run_and_plan(examples):
    """The confirmation of hosts names its run and plan, as an approval does.

    So a press on the card of an older plan confirms nothing.
    """
    found = [
        node["data"]
        for node in parts(examples["plan-foreign"].content)
        if node.get("data", {}).get("do") == "confirm_hosts"
    ]
    assert found == [{"do": "confirm_hosts", "run": "7Q4K", "plan": "p3"}]
