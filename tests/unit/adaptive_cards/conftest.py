"""Fixtures for the tests of cards: the example cards, and the parts of a card."""

import pytest

from tests.unit.adaptive_cards.all_examples import CARDS


@pytest.fixture
def examples():
    """Return all example cards in English, by name."""
    return CARDS


@pytest.fixture
def nodes():
    """Return a function that yields every object of a card, parents first."""
    return walk


def walk(node):
    """Yield the node and every object below it, parents first."""
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            yield from walk(item)
