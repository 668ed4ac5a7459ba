"""Tests of the link "Learn more" on the cards of /check and /explain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from adaptive_cards.card import fit
from adaptive_cards.elements import link, literal
from jobs.causes.cause import page_of
from practice.cardtext import plain

Nodes = Callable[[Any], Iterator[dict[str, Any]]]
FORWARDING, EXPIRED = page_of("forwarding_blocked"), page_of("client_secret_expired")


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
def test_a_link_in_the_text_of_a_card(written, shown):
    """In a card that is shown as text, a link is its title with an arrow.

    An escaped link stays as it was written.
    """
    assert plain(written) == shown
