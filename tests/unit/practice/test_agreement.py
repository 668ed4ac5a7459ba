"""Tests of the check that the bot's cards agree with each other."""

import pytest

from practice.agreement import contradictions


def card(text: str, *runs: str, room: str = "Space 1", bot: bool = True):
    """Return a message with this text and a button of each run."""
    buttons = [
        {"type": "Action.Submit", "title": "Go", "data": {"do": "go", "run": run}} for run in runs
    ]
    body = [{"type": "TextBlock", "text": line} for line in text.split("\n")]
    return {
        "room": room,
        "roomType": "direct" if room == "direct" else "group",
        "members": ["anna@example.test"],
        "from": "bot@webex.bot" if bot else "anna@example.test",
        "card": {"type": "AdaptiveCard", "body": body, "actions": buttons},
    }


PLAN = card("Approver's turn: approve the plan.", "ABC123")
CALM = card("Nobody has to act. The steps run by themselves.", "ABC123")
ENDED = card("Run ABC123 was canceled", room="Space 2")
ASKED = card("Your turn: sign in.", "ABC123", room="direct")


@pytest.mark.parametrize(
    ("messages", "told"),
    [
        ([PLAN, CALM], "2 cards of one room have buttons of run ABC123"),
        ([PLAN, ENDED], "run ABC123 is over on one card"),
        ([CALM, ASKED], "run ABC123 asks a person 1:1"),
    ],
)
def test_a_contradiction_is_named(messages, told):
    """A contradiction between two cards is named in the words of a person who reads both."""
    (found,) = contradictions(messages)
    assert found.startswith(told)


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [PLAN],
        [PLAN, ASKED],
        [ENDED, card("Run ABC123 is finished", room="direct")],
        [PLAN, card("Approver's turn: approve the plan.", "XYZ789")],
        [PLAN, card("Run XYZ789 is finished")],
        [PLAN, card("Run ABC123 was canceled", bot=False)],
        [PLAN, PLAN | {"card": None}],
    ],
)
def test_cards_that_agree(messages):
    """Cards of different runs do not contradict each other.

    The same holds for cards of ended runs and for people's messages.
    """
    assert contradictions(messages) == []
