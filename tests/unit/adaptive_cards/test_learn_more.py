"""Tests of the link "Learn more" on the cards of /check and /explain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

import adaptive_cards as cards
from adaptive_cards.card import fit
from adaptive_cards.elements import link, literal
from jobs.causes.cause import page_of
from practice.cardtext import plain
from tests.unit.adaptive_cards.verdict_lines import POLICY, SECRET

Nodes = Callable[[Any], Iterator[dict[str, Any]]]
FORWARDING, EXPIRED = page_of("forwarding_blocked"), page_of("client_secret_expired")


def links(card: cards.Card, nodes: Nodes) -> list[str]:
    """Return the texts of the card that are links to a page."""
    return [
        node["text"]
        for node in nodes(card.content)
        if node.get("type") == "TextBlock" and "](https" in node["text"]
    ]


def test_a_cause_has_its_page(make_verdict: ModuleType, nodes: Nodes):
    """Each cause has the link to its own page, and the link names the site."""
    card = make_verdict.checked(
        0, ("forwarding_blocked", POLICY), ("client_secret_expired", SECRET)
    )
    assert links(card, nodes) == [
        f"[Learn more (learn.microsoft.com)]({FORWARDING})",
        f"[Learn more (login.microsoftonline.com)]({EXPIRED})",
    ]


def test_a_cause_without_a_page_has_no_link(make_verdict: ModuleType, nodes: Nodes):
    """A cause whose page is not known has no link, because a page is never guessed."""
    card = make_verdict.checked(0, ("mailbox_full", POLICY))
    assert links(card, nodes) == []


def test_a_link_is_never_cut():
    """A card that is too long shortens its other texts but not a link.

    Half an address would lead nowhere.
    """
    line = link("link.learn_more", FORWARDING)
    content = fit({"body": [line, *(literal("x" * 2000) for _ in range(20))]})
    assert content["body"][0] == line
    assert len(content["body"][1]["text"]) < 2000


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("[Learn more (aka.ms)](https://aka.ms/x_y)", "Learn more (aka.ms) ↗"),
        (r"\[not a link\](https://evil.example)", "[not a link](https://evil.example)"),
    ],
)
def test_a_link_in_the_text_of_a_card(written: str, shown: str):
    """In a card that is shown as text, a link is its title with an arrow.

    An escaped link stays as it was written.
    """
    assert plain(written) == shown
