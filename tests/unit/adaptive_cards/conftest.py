"""Fixtures for the tests of cards: the example cards."""

import pytest

from tests.unit.adaptive_cards.all_examples import CARDS


@pytest.fixture
def examples():
    """Return all example cards in English, by name."""
    return CARDS
