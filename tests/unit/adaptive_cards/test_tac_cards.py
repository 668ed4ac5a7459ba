"""Tests of the contents of the two cards of a case for Cisco TAC in each state."""

from __future__ import annotations

from typing import Any

from adaptive_cards import Card


def shown(card: Card, nodes: Any) -> str:
    """Return every text of a card."""
    return "\n".join(
        str(node.get("text") or node.get("value") or "") for node in nodes(card.content)
    )


def test_the_guide_asks_for_three_things(examples: dict[str, Card], nodes: Any):
    """The guide for a TAC case has three inputs and one button that names the channel.

    The guide describes the whole way to Error & Warnings in Webex Connect.
    """
    card = examples["tac"]
    inputs = [node["id"] for node in nodes(card.content) if node.get("type") == "Input.Text"]
    assert (inputs, card.content["actions"][0]["data"]) == (
        ["resource_id", "transaction_id", "seen_text"],
        {"do": "tac", "channel": "support@contoso.com"},
    )
    said = shown(card, nodes)
    assert {
        word
        for word in (
            "Tools, Debug",
            "Channels",
            "about two minutes",
            "Error & Warnings",
            "Decrypt Access",
        )
        if word not in said
    } == set()


def test_only_in_a_space_the_bot_is_mentioned(examples: dict[str, Card], nodes: Any):
    """In a space, the guide asks people to mention the bot with the screenshot.

    In a 1:1 space no mention is needed.
    """
    space, direct = shown(examples["tac"], nodes), shown(examples["tac-direct"], nodes)
    assert ("Mention the bot" in space, "Mention the bot" in direct) == (True, False)


def test_the_file_card_says_what_is_missing(examples: dict[str, Card], nodes: Any):
    """The card with the TAC file names a missing screenshot, a missing check and missing IDs."""
    full, bare = shown(examples["tac-file"], nodes), shown(examples["tac-file-bare"], nodes)
    missing = ("There is no screenshot", "never checked", "not given")
    assert [[each in said for each in missing] for said in (full, bare)] == [
        [False] * 3,
        [True] * 3,
    ]
    assert ("screenshot.png" in full, "a_638211456712345678" in full) == (True, True)
