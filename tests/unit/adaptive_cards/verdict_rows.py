"""Helpers that read the texts and rows of a check's card."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from adaptive_cards import Card

Cards = dict[str, Card]

Nodes = Callable[[Any], Iterator[dict[str, Any]]]

MAILBOX = "support@contoso.com"

COMMANDS = [
    "M4  Get-HostedOutboundSpamFilterRule",
    "M4  Set-HostedOutboundSpamFilterRule 'Webex Connect forwarding - support' -Priority 0",
    f"M2  Get-CASMailbox {MAILBOX}",
]

BLOCKED = (
    "The outbound spam policy does not let this mailbox forward mail outside the organization."
)


def words(node: Any, nodes: Nodes) -> list[str]:
    """Return every text below a node, line by line."""
    return [each["text"] for each in nodes(node) if each.get("type") in {"TextBlock", "TextRun"}]


def below(card: Card, title: str, nodes: Nodes) -> list[str]:
    """Return the texts of the rows below a section's title, up to the next part that has no row."""
    parts = card.content["body"]
    start = next(place for place, part in enumerate(parts) if words(part, nodes)[:1] == [title]) + 1
    end = next(
        (
            place
            for place, part in enumerate(parts)
            if place >= start and part["type"] != "ColumnSet"
        ),
        len(parts),
    )
    return [" ".join(words(part, nodes)) for part in parts[start:end]]
