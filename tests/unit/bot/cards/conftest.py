"""Fixtures of the tests of cards."""

import pytest


@pytest.fixture
def run(begin):
    """Return an open run whose card is shown."""
    return begin()
