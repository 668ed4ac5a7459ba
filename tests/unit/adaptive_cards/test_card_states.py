"""Tests of the contents and buttons of each card in each state."""

import pytest

from bot.cards.presenters.questions import TypedInputs, intake
from jobs.model import Finding, State
from practice import cardtext
from practice.webex.cards import parts
from tests.unit.adaptive_cards.progress_examples import RUN, done, later


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


APPROVE, OTHERS = {"approve", "approve_tenant"}, {"cancel", "least_privilege"}


@pytest.mark.parametrize(
    ("name", "offered"),
    [
        ("plan", APPROVE | OTHERS),
        ("plan-undone-since", {"approve", "cancel"}),
        ("plan-addresses", APPROVE | OTHERS),
        ("plan-foreign", {"confirm_hosts"} | OTHERS),
        ("plan-foreign-confirmed", APPROVE | OTHERS),
        ("plan-foreign-tenant-only", {"confirm_hosts", "cancel"}),
        ("plan-foreign-approved", {"cancel"}),
        ("plan-foreign-blocked", OTHERS),
    ],
)
def test_buttons_name_their_plan(name, offered, examples):
    """A button that answers a plan carries its run and plan.

    So a press on the card of an older plan approves and confirms nothing. A plan with foreign hosts
    has no button for an approval until the hosts are confirmed, which itself approves nothing.
    """
    data = [node["data"] for node in parts(examples[name].content) if "data" in node]
    told = {each["do"]: each for each in data if each["do"] not in {"look_again", "sign_in_other"}}
    assert told == {do: {"do": do, "run": "7Q4K", "plan": "p3"} for do in offered}


def test_a_time_of_another_day_has_its_date():
    """The end of a run that takes days, and what proves it, do not look like the day it began."""
    facts = {"arrived_at": later(minutes=1).isoformat(), "answered_at": later(days=1).isoformat()}
    mail = Finding("test_mail", State.OK, facts=facts)
    told = "\n".join(cardtext.lines(done(mail, ended_at=later(days=2)).content))
    assert all(each in told for each in ("Finished 26 Nov 14:32 UTC", "14:33:48", "25 Nov 14:32"))
