"""Tests of the contents and buttons of each card in each state."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from adaptive_cards import Card, intake
from adaptive_cards.cards.intake import IntakeView
from adaptive_cards.texts import text
from adaptive_cards.views import Header

Cards = dict[str, Card]
Nodes = Callable[[Any], Iterator[dict[str, Any]]]


def verbs(card: Card, nodes: Nodes) -> list[str]:
    """Return the verbs of the card's buttons in sorted order; ``open`` means a link to a page."""
    found = [
        node["data"]["do"] if "data" in node else "open"
        for node in nodes(card.content)
        if node.get("type") in {"Action.Submit", "Action.OpenUrl"}
    ]
    return sorted(found)


def looks(card: Card) -> tuple[str, str]:
    """Return the color and the glyph of the card's band."""
    band = card.content["body"][1]
    cells = band["items"][0]["columns"]
    return band["style"], cells[0]["items"][0]["text"] if len(cells) > 1 else ""


BUTTONS = {
    "intake": ["cancel", "intake"],
    "typed-wrong": ["help", "typed", "typed"],
    "typed-wrong-no-guess": ["help", "typed"],
    "signin": ["ask_administrator", "cancel", "open"],
    "signin-asked-in-vain": ["ask_administrator", "cancel", "open"],
    "consent": ["ask_consent", "cancel", "look_again", "open"],
    "consent-asked-in-vain": ["ask_consent", "cancel", "look_again", "open"],
    "plan": ["approve", "approve_tenant", "cancel", "least_privilege"],
    "plan-one-change": ["approve", "cancel"],
    "plan-tenant-only": ["approve_tenant", "cancel", "least_privilege"],
    "plan-approved": ["approve_tenant", "cancel"],
    "plan-tenant-approved": ["approve", "cancel"],
    "plan-anew": ["approve", "cancel"],
    **{f"plan-{closed}": [] for closed in ("cancelled", "failed", "done", "signed_out")},
    "plan-all-approved": ["cancel"],
    "plan-nothing": ["cancel"],
    "plan-fix-nothing": ["cancel"],
    "plan-fix-named": ["cancel"],
    "plan-blocked": ["cancel", "least_privilege", "look_again", "sign_in_other"],
    "progress-person": ["cancel", "consent_again"],
    "progress-time": ["cancel"],
    "progress-look": ["cancel", "look_again", "sign_in_other"],
    "progress-running": [],
    "progress-done": [],
    "connect": ["explain", "open", "registered", "token_saved"],
    "connect-token-saved": ["explain", "registered"],
    "connect-token-read": ["explain", "registered", "token_saved"],
    "connect-filled-in": ["explain"],
    "connect-registered-read": ["explain", "registered"],
    "connect-new-secret": ["explain", "open", "token_saved"],
    "connect-new-token": ["explain", "open", "token_saved"],
    "connect-new-token-saved": ["explain", "open"],
    "connect-new-token-read": ["explain", "open", "token_saved"],
    "rehearsal-offer": ["cancel", "rehearse", "skip_rehearsal"],
    "rehearsal-ready": ["cancel", "open", "skip_rehearsal"],
    "rehearsal-direct": ["open", "skip_rehearsal"],
    "rehearsal-nobody": ["ask_mailbox_user", "cancel", "open", "skip_rehearsal"],
    "rehearsal-problem": ["cancel", "rehearse", "skip_rehearsal"],
    "rehearsal-done": [],
    "rehearsal-skipped": [],
    "mail-send": ["cancel", "test_sent"],
    "mail-on-its-way": ["cancel"],
    "mail-forwarded": ["agent_has_it", "ask_agent", "cancel"],
    "mail-direct": ["agent_has_it"],
    "mail-nobody": ["agent_has_it", "ask_agent", "cancel"],
    "mail-agent": ["cancel"],
    "mail-problem": ["cancel", "look_again"],
    "mail-over": [],
    "mail-problem-time": ["cancel", "look_again"],
    "mail-late": ["cancel", "look_again"],
    "mail-from-itself": ["cancel", "test_sent"],
    "mail-answer-problem": ["cancel", "look_again"],
    "done": ["check", "watch"],
    "status": ["status"],
    "status-none": ["setup"],
    "help": ["check", "setup"],
    "notice": ["help"],
}
LOOKS = {
    "plan": ("accent", "\u25c6"),
    "plan-all-approved": ("emphasis", "\u25cf"),
    "plan-fix-nothing": ("emphasis", "\u25cf"),
    "plan-fix-named": ("accent", "\u25c6"),
    "plan-fix-incident": ("emphasis", "\u25cf"),
    "plan-cancelled": ("emphasis", "\u2212"),
    "plan-done": ("emphasis", "\u2713"),
    "plan-signed_out": ("accent", "\u25c6"),
    "progress-person": ("accent", "\u25c6"),
    "progress-time": ("emphasis", "\u25c7"),
    "progress-running": ("emphasis", "\u25cf"),
    "progress-done": ("good", "\u2713"),
    "progress-failed": ("attention", "\u2717"),
    "progress-cancelled": ("emphasis", "\u2212"),
    "connect-filled-in": ("emphasis", "\u25cf"),
    "connect-new-token-saved": ("emphasis", "\u25cf"),
    "connect-new-token-read": ("emphasis", "\u25cf"),
    "rehearsal-done": ("good", "\u2713"),
    "rehearsal-skipped": ("emphasis", "\u2212"),
    "mail-send": ("accent", "\u25c6"),
    "mail-on-its-way": ("emphasis", "\u25cf"),
    "mail-problem": ("attention", "\u2717"),
    "mail-over": ("good", "\u2713"),
    "mail-late": ("accent", "\u25c6"),
    "mail-from-itself": ("accent", "\u25c6"),
    "mail-answer-problem": ("attention", "\u2717"),
    "status-running": ("emphasis", "\u25cf"),
    "help": ("emphasis", ""),
    "notice": ("emphasis", "\u2717"),
}


@pytest.mark.parametrize("name", BUTTONS)
def test_buttons(name: str, examples: Cards, nodes: Nodes):
    """A card offers just the buttons that can be used in its state."""
    assert verbs(examples[name], nodes) == BUTTONS[name]


@pytest.mark.parametrize("name", LOOKS)
def test_band(name: str, examples: Cards):
    """The band's color and glyph show whose turn it is, or how the run ended."""
    assert looks(examples[name]) == LOOKS[name]


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


def test_plan_shows_whole_commands_and_short_values(examples: Cards, nodes: Nodes):
    """A plan shows a forwarding address whole, with the other addresses and under Commands only."""
    texts = [node["text"] for node in nodes(examples["plan"].content) if "text" in node]
    assert "  \u2192  the Forwarding Address above, a copy stays" in texts
    assert any(
        text.startswith("M3  Set-Mailbox support@contoso.com")
        and "8a108d26d8beea04@mail-us" in text
        for text in texts
    )


def test_plan_says_per_line_what_cannot_be_undone(examples: Cards):
    """If one change of a plan's group is not reversible, each line says whether it is."""
    mixed = json.dumps(examples["plan-mixed"].content)
    assert (mixed.count('"can be undone"'), mixed.count('"cannot be undone"')) == (1, 1)


@pytest.mark.parametrize("name", ["signin-asked-in-vain", "consent-asked-in-vain"])
def test_who_cannot_be_asked_is_corrected_in_sight(name: str, examples: Cards, nodes: Nodes):
    """If a person cannot be asked, an open red field holds the typed address.

    No button hides the field, and below it is the reason why no card was sent.
    """
    body = examples[name].content["body"]
    (box,) = [part for part in body if part.get("style") == "attention"]
    assert box["items"][0]["value"] == "admin@contoso,com"
    assert "The domain contains a comma" in str(box["items"][1])
    assert [
        node for node in nodes(examples[name].content) if node.get("type") == "Action.ShowCard"
    ] == []


def test_help_says_that_something_is_left_out(examples: Cards):
    """The help card says that commands are not listed, but only if some are left out."""
    told = {
        name: text("help.not_listed") in json.dumps(examples[name].content)
        for name in ("help", "help-left-out")
    }
    assert told == {"help": False, "help-left-out": True}


def test_status_counts_what_it_does_not_list(examples: Cards):
    """The list of runs shows ten rows at most, and counts every run that it does not show.

    Runs beyond the limit of the question are counted as well.
    """
    last = {
        name: examples[name].content["body"][-1]
        for name in ("status-many", "status-more", "status-running")
    }
    assert [
        text("status.more", count="14") in str(last["status-many"]),
        text("status.more.one") in str(last["status-more"]),
    ] == [
        True,
        True,
    ]
    assert "not listed" not in str(last["status-running"])


def test_progress_keeps_its_rows(examples: Cards, nodes: Nodes):
    """The rows of a progress card keep the given order, and each has a word for its state."""
    body = examples["progress-person"].content["body"]
    rows = [part["columns"] for part in body[2:] if part["type"] == "ColumnSet"]
    shown = [
        (cells[0]["items"][0]["text"], cells[1]["items"][0]["text"], word(cells, nodes))
        for cells in rows
    ]
    assert shown == [
        ("\u2713", "E1", ""),
        ("\u25b2", "E3", "warning"),
        ("\u25c6", "E5", "needs a person"),
        ("\u25c7", "E5", "waiting"),
        ("\u2212", "E7", "skipped"),
        ("?", "M1", "unknown"),
        ("\u25cf", "M2", "running"),
        ("\u2717", "M3", "wrong"),
        ("\u25cb", "M4", "after M5"),
    ]


def word(cells: list[dict[str, Any]], nodes: Nodes) -> str:
    """Return the text at the right end of a row."""
    return (
        "".join(node["text"] for node in nodes(cells[3]) if "text" in node)
        if len(cells) > 3
        else ""
    )


def test_stations_of_the_test_mail(examples: Cards, nodes: Nodes):
    """The four stations of the test mail say where the mail is.

    A passed station has a time, the next one has a word, and the rest say "not yet".
    """
    names = [
        f"mail-{name}"
        for name in (
            "send",
            "on-its-way",
            "forwarded",
            "agent",
            "problem",
            "late",
            "from-itself",
            "answer-problem",
        )
    ]
    rows = {
        name: [
            part["columns"]
            for part in examples[name].content["body"]
            if len(part.get("columns", [])) == 4
        ]
        for name in names
    }
    assert {name: [word(cells, nodes) for cells in found] for name, found in rows.items()} == {
        "mail-send": ["needs a person", "not yet", "not yet", "not yet"],
        "mail-on-its-way": ["running", "not yet", "not yet", "not yet"],
        "mail-forwarded": ["14:34:48", "14:35:48", "needs a person", "not yet"],
        "mail-agent": ["14:34:48", "14:35:48", "14:36:48", "running"],
        "mail-problem": ["14:34:48", "stops here", "not yet", "not yet"],
        "mail-late": ["14:34:48", "needs a person", "not yet", "not yet"],
        "mail-from-itself": ["needs a person", "not yet", "not yet", "not yet"],
        "mail-answer-problem": ["14:34:48", "14:35:48", "14:36:48", "stops here"],
    }


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("problem", "The test mail was stopped on its way. Administrator's turn: fix"),
        (
            "problem-time",
            "The test mail was stopped on its way. Nobody has to act. A changed policy",
        ),
        ("late", "The test mail has not arrived yet. Requester's turn: look"),
        ("from-itself", "Send a mail to the mailbox. Any external sender: send"),
        ("answer-problem", "The agent's answer was stopped on its way. Agent's turn: fix"),
    ],
)
def test_a_mail_that_does_not_come_through(examples: Cards, name: str, told: str):
    """If the test mail stops, the card's text first says so, and then whose turn it is.

    The card contains the remedy.
    """
    card = examples[f"mail-{name}"]
    assert " ".join(card.text.split()).startswith(told)
    assert text("remedy.forwarding_blocked") in json.dumps(card.content)


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


def test_a_new_token_needs_no_new_secret_and_no_registration(examples: Cards, nodes: Nodes):
    """For a new token, the form in Webex Connect keeps its secret and needs no registration.

    The only link of the card leads to Webex Connect.
    """
    card = examples["connect-new-token"].content
    texts = "\n".join(str(node["text"]) for node in nodes(card) if "text" in node)
    assert [node["url"] for node in nodes(card) if "url" in node] == ["https://uk.webexconnect.io"]
    assert text("connect.secret_stays") in texts
    assert "Register To Webex Engage" not in texts
