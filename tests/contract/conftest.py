"""Fixtures of the tests that read recorded answers."""

import pytest
import stamina

from tests.contract.recordings import player


@pytest.fixture(scope="module")
def cloud():
    """Server that answers with recordings."""
    with player() as running:
        yield running


@pytest.fixture
def one_try():
    """Turn retries off, so that each answer is read once."""
    with stamina.set_testing(True, attempts=1):
        yield
