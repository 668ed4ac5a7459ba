"""Tests of the contents and buttons of a check's card in each state."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest

from adaptive_cards import channels
from adaptive_cards.cards.channels import ChannelLine, ChannelsView
from adaptive_cards.components import time_since, time_until
from adaptive_cards.texts import keys, text
from jobs.model import Access, State, Station, Text
from tests.unit.adaptive_cards.verdict_rows import BLOCKED, MAILBOX, Cards, Nodes

FIX = ("Fix: allow forwarding", {"do": "fix", "channel": MAILBOX, "cause": "outbound_policy"})

AGAIN = ("Check again", {"do": "check", "channel": MAILBOX})

LET_READ = ("Allow automatic checks", "https://bot.contoso.com/access/9M2C")

DEEPER = ("Sign in to see more", "https://bot.contoso.com/signin/9M2C")

BUNDLE = ("File for Cisco TAC", {"do": "missing", "channel": MAILBOX})

MISSING = ("Mail still missing", {"do": "missing", "channel": MAILBOX})


ALL = ("Check all", {"do": "check", "channel": "all"})

BUTTONS = {
    "verdict-broken": [FIX, AGAIN, DEEPER, BUNDLE, "Details: 14 findings"],
    "verdict-two-causes": [FIX, AGAIN, BUNDLE, "Details: 10 findings", "Commands"],
    "verdict-elsewhere": [
        (text("fix.client_secret"), "https://contoso.us.webexconnect.io"),
        AGAIN,
        BUNDLE,
        "Details: 8 findings",
        "Commands",
    ],
    "verdict-by-hand": [AGAIN, BUNDLE, "Details: 1 finding", "Commands"],
    "verdict-started": [],
    "verdict-looking": [DEEPER],
    "verdict-early": [FIX, "Details: 4 findings", "Commands"],
    "verdict-healthy": [AGAIN, DEEPER, MISSING, "Details: 9 findings", "Commands"],
    "verdict-unproven": [AGAIN, DEEPER, MISSING, "Details: 9 findings"],
    "verdict-every-offer": [AGAIN, DEEPER, LET_READ, MISSING, "Details: 9 findings"],
    "channels": [
        *(
            (f"Check {name}@contoso.com", {"do": "check", "channel": f"{name}@contoso.com"})
            for name in ("support", "claims", "billing")
        ),
        ("Check the chosen one", {"do": "typed", "command": "check"}),
        ALL,
    ],
    "channels-checking": [],
    "channels-none": [("Set up a mailbox", {"do": "setup"})],
}

BANDS = {
    "verdict-broken": ("attention", "\u2717"),
    "verdict-early": ("attention", "\u2717"),
    "verdict-started": ("emphasis", "\u25cf"),
    "verdict-looking": ("emphasis", "\u25cf"),
    "verdict-healthy": ("good", "\u2713"),
    "verdict-unproven": ("accent", "?"),
    "verdict-one-way": ("accent", "?"),
    "verdict-last-proven": ("emphasis", "?"),
    "verdict-unreadable": ("accent", "?"),
    "channels": ("attention", "\u2717"),
    "channels-early": ("attention", "\u2717"),
    "channels-checking": ("emphasis", "\u25cf"),
    "channels-well": ("good", "\u2713"),
    "channels-doubtful": ("emphasis", "?"),
    "channels-none": ("accent", "\u25c6"),
}

PRESS = (
    "press the button below. It shows a plan first. Nothing is changed before the plan is approved."
)

TEXTS = {
    "verdict-broken": f"{BLOCKED} Since 08:14 UTC today. Approver's turn: {PRESS}",
    "verdict-two-causes": (
        f"{BLOCKED} Since 20 Nov 10:42 UTC. One more cause is listed below. Approver's "
        f"turn: {PRESS}"
    ),
    "verdict-early": f"{BLOCKED} Since 08:14 UTC today. Still looking at 19 of 23. Approver's turn: {PRESS}",
    "verdict-by-hand": (
        "The client secret has expired. Administrator's turn: follow the steps under Remedy, "
        "then press Check again."
    ),
    "verdict-not-read": (
        "Email is not delivered, and the bot could not read what stops it. "
        "Administrator's turn: sign in with the button below to run the remaining tests."
    ),
    "verdict-waits": (
        "The service is temporarily unavailable. Nobody has to act. See Remedy "
        "below. Check again repeats the check."
    ),
    "verdict-started": "Looking: 0 of 23. Nobody has to act. The verdict appears as soon as it is certain.",
    "verdict-silent": (
        "Looking: 4 of 20. No answer so far from Exchange and Graph. The check asks again. "
        "Nobody has to act. The verdict appears as soon as it is certain."
    ),
    "verdict-looking": "Looking: 7 of 23. Nobody has to act. The verdict appears as soon as it is certain.",
    "verdict-healthy": (
        "Nothing wrong: mail flows both ways. Nobody has to act. Newest proof: 4 s ago. "
        "The way from Webex Connect to the agent was not checked. One possible cause is "
        "listed below."
    ),
    "verdict-unproven": (
        "Not fully checked: 7 of 9 need an administrator. Mail flow in both directions is not "
        "confirmed. No fault was found in what was checked. "
        "Administrator's turn: sign in with the button below to run the remaining tests."
    ),
    "verdict-own-proof": (
        "The login works. Last proven 4 min ago (test mail 10:38). Not fully checked: 7 of 9 need an "
        "administrator. Administrator's turn: to run the remaining tests, a Global Administrator or a "
        "Privileged Role Administrator presses Allow automatic checks once. Or an administrator signs "
        "in for this check."
    ),
    "verdict-last-proven": (
        "Last proven 2 h ago (answer 08:12). Nothing wrong was found. Newer mail is not confirmed "
        "yet. Nobody has to act. The tests that ran are listed below."
    ),
    "verdict-suspected": (
        "Last proven 2 h ago (answer 08:12). Newer mail is not confirmed yet. One possible cause "
        "is listed below. Nobody has to act. The tests that ran are listed below."
    ),
    "verdict-unreadable": (
        "Not fully checked: 2 of 9 could not be read. Last proven 4 min ago (answer 10:38). "
        "Requester's turn: read what is listed below, then press Check again."
    ),
    "channels-checking": "Checking: 1 of 3. The verdicts appear as they arrive.",
    "channels-many": (
        "Mail is broken in one of 501 channels. Type /check ADDRESS to see the cause and the fix."
    ),
}

WAYS = {
    "verdict-broken": (
        "\u2014 \u2713 \u2014 Sender 10:38",
        "\u2014 \u2713 \u2014 Mailbox 10:38",
        "\u2014 \u2717  \u00b7 Forward stops",
        "\u00b7  \u25cb  \u00b7 Connect 08:12",
        "\u00b7  \u25cb  \u00b7 Agent 08:12",
        "\u00b7  \u2713  \u00b7 Answer 10:38",
    ),
    "verdict-started": tuple(
        f"\u00b7  \u25cb  \u00b7 {name}"
        for name in ("Sender", "Mailbox", "Forward", "Connect", "Agent", "Answer")
    ),
    "verdict-healthy": (
        *(
            f"\u2014 \u2713 \u2014 {name} 10:38"
            for name in ("Sender", "Mailbox", "Forward", "Connect")
        ),
        "\u00b7  ?  \u00b7 Agent not seen",
        "\u00b7  \u2713  \u00b7 Answer 10:38",
    ),
}


def pressed(action: dict[str, Any]) -> Any:
    """Return a button's title, with the data that it sends or the address that it opens."""
    return (
        (action["title"], action.get("data") or action["url"])
        if action["type"] != "Action.ShowCard"
        else action["title"]
    )


@pytest.mark.parametrize("name", BUTTONS)
def test_buttons_of_a_check(name: str, examples: Cards, nodes: Nodes):
    """On a check's card the fix comes first, and the buttons of lists come last.

    While the check is running, nothing can be started again.
    """
    actions = [
        node
        for node in nodes(examples[name].content)
        if str(node.get("type", "")).startswith("Action.")
    ]
    assert [pressed(action) for action in actions] == BUTTONS[name]


@pytest.mark.parametrize("name", BANDS)
def test_band_of_a_check(name: str, examples: Cards):
    """The band of a check is red only if mail is broken, and green only if its flow is proven.

    Any other result has another color.
    """
    band = examples[name].content["body"][1]
    assert (band["style"], band["items"][0]["columns"][0]["items"][0]["text"]) == BANDS[name]


@pytest.mark.parametrize("name", TEXTS)
def test_text_of_a_check(name: str, examples: Cards):
    """The text for a client without cards has the cause, its time and whose turn it is.

    The text also says which button to press.
    """
    assert examples[name].text == TEXTS[name]


def _is_path(part: dict[str, Any]) -> bool:
    """Return whether this is a row of the mail's path: three equal columns."""
    return [column["width"] for column in part.get("columns", [])] == ["stretch"] * 3


@pytest.mark.parametrize("name", WAYS)
def test_way(name: str, examples: Cards, nodes: Nodes):
    """The mail's path has dashes where mail went, and dots where no mail was seen.

    The time of the last mail is under each station.
    """
    rows = [part["columns"] for part in examples[name].content["body"] if _is_path(part)]
    assert [len(row) for row in rows] == [3, 3]
    found = [column for row in rows for column in row]
    assert (
        tuple(
            " ".join("".join(run["text"] for run in line["inlines"]) for line in column["items"])
            for column in found
        )
        == WAYS[name]
    )


def test_without_a_proof_nothing_is_said_to_flow(make_verdict: ModuleType):
    """Settings that are all right do not prove a mail, so the check says "not confirmed"."""
    assert make_verdict.checked(0, lines=make_verdict.RIGHT).text == (
        "Not confirmed: no mail was seen in both directions. Mail flow in both directions is not "
        "confirmed. No fault was found in what was checked. Nobody has to act. The tests that ran "
        "are listed below."
    )


@pytest.mark.parametrize(
    ("days", "shown"),
    [
        (-1, "in 0 days"),
        (12.5, "in 12 days"),
        (60, "in 60 days"),
        (61, "in 2 months"),
        (365, "in 12 months"),
    ],
)
def test_ahead(days: float, shown: str):
    """The time until a date is shown in days up to two months, then in months.

    A past date is shown as 0 days.
    """
    now = datetime(2026, 11, 24, 10, 42, tzinfo=UTC)
    assert time_until(now + timedelta(days=days), now) == shown


def test_keys_of_a_check_exist():
    """Every station of the mail's path and every kind of access has a text."""
    assert {f"station.{station}" for station in Station} | {
        f"access.{access}" for access in Access
    } <= keys()


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-5, "now"),
        (0.9, "now"),
        (1, "1 s ago"),
        (119, "119 s ago"),
        (120, "2 min ago"),
        (7199, "119 min ago"),
        (7200, "2 h ago"),
        (172_799, "47 h ago"),
        (172_800, "2 days ago"),
    ],
)
def test_ago(seconds: float, shown: str):
    """An age is shown in seconds, from two minutes on in minutes, then in hours and days.

    An age is never in the future.
    """
    now = datetime(2026, 11, 24, 10, 42, tzinfo=UTC)
    assert time_since(now - timedelta(seconds=seconds), now) == shown


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (State.WRONG, "Mail is broken in the only channel."),
        (State.UNKNOWN, "The only channel is not fully checked."),
    ],
)
def test_a_single_channel_is_not_one_of_one(state: State, said: str):
    """If a space has a single channel, the card of all channels says "the only channel"."""
    line = ChannelLine(MAILBOX, state, Text("verdict.unproven"))
    view = ChannelsView((line,), datetime(2026, 11, 27, tzinfo=UTC))
    assert channels(view).text.startswith(said)
