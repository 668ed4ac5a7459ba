"""Tests of the demo's printer.

A card is printed whole once, then only its changes, and a copy as a change of the first card.
"""

from __future__ import annotations

from typing import Any

import pytest

from practice.actors import way_to
from practice.client import NotSeenError
from practice.screen import WIDTH, Screen, changes, packed

STEPS = [f"step number {number} of the run" for number in range(12)]


def text(words: str) -> dict[str, Any]:
    """Return a text element of a card."""
    return {"type": "TextBlock", "text": words}


def message(name: str, *lines: str, edits: int = 0, room: str = "Contact center") -> dict[str, Any]:
    """Return a message of the bot with a card."""
    card = {
        "type": "AdaptiveCard",
        "body": [text(line) for line in lines],
        "actions": [
            {"type": "Action.Submit", "title": "Continue", "data": {"do": "intake"}},
            {
                "type": "Action.ShowCard",
                "title": "Ask",
                "card": {
                    "type": "AdaptiveCard",
                    "body": [{"type": "Input.Text", "id": "who", "label": "Address"}],
                    "actions": [
                        {"type": "Action.Submit", "title": "Send", "data": {"do": "ask_other"}}
                    ],
                },
            },
        ],
    }
    return {
        "id": name,
        "from": "email-bot@webex.bot",
        "deleted": False,
        "edits": edits,
        "roomType": "group",
        "room": room,
        "members": [],
        "card": card,
        "text": lines[0],
    }


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the lines that were printed since the last call."""
    return capsys.readouterr().out.splitlines()


def test_a_card_is_whole_once_and_then_its_changes(capsys: pytest.CaptureFixture[str]):
    """A card is printed whole once, and its edits up to the next action are printed as one change.

    A part behind a button is not printed.
    """
    screen = Screen()
    screen.message(message("1", "Set up", *STEPS))
    whole = "\n".join(printed(capsys))
    assert [line for line in ("Set up", *STEPS, "[Continue]", "[Ask ▾]") if line not in whole] == []
    assert "Address" not in whole
    screen.message(message("1", "Set up", "step 0 runs", *STEPS[1:], edits=1))
    screen.message(message("1", "Set up", "step 0 is done", *STEPS[1:], edits=2))
    assert printed(capsys) == []
    screen.act("Somebody looks")
    assert printed(capsys) == ["  ↻ 1 Contact center: step 0 is done", "  → Somebody looks"]


def test_an_edit_that_makes_it_another_card_is_whole(capsys: pytest.CaptureFixture[str]):
    """An edit that turns a form into a plan is printed whole, like a new card."""
    screen = Screen()
    screen.message(message("1", "A form", "Name"))
    printed(capsys)
    screen.message(message("1", "A plan", *STEPS, edits=1))
    screen.flush()
    whole = "\n".join(printed(capsys))
    assert [step for step in STEPS if step not in whole] == []


def test_a_time_alone_is_no_change():
    """A line in which only the time has changed is not printed as a change."""
    assert changes(["Run A · 10:42:07 UTC", "one"], ["Run A · 10:43:09 UTC", "two"]) == ["two"]


def test_no_line_is_wider_than_the_terminal():
    """Long lines are folded at the terminal's width, and short lines share a line.

    The first line is alone.
    """
    rows = packed(["Title", "short", "also short", "word " * 60, "▌ band"])
    assert (rows[0], max(map(len, rows)) <= WIDTH) == ("Title", True)
    assert rows[1].split() == ["short", "also", "short"]


def test_a_button_is_called_by_the_names_on_the_card():
    """A button inside a part that opens is called by both names.

    A button that is not on the card raises an error.
    """
    shown = message("1", "Set up")
    assert [way_to(shown, do) for do in ("intake", "ask_other")] == ["Continue", "Ask, then Send"]
    with pytest.raises(NotSeenError, match="approve"):
        way_to(shown, "approve")
