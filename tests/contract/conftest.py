"""Fixtures of the tests that read recorded answers."""

from collections.abc import Iterator

import pytest
import stamina

from tests.contract.recordings import Player, player


@pytest.fixture(scope="module")
def cloud() -> Iterator[Player]:
    """Server that answers with recordings."""
    with player() as running:
        yield running


@pytest.fixture
def one_try() -> Iterator[None]:
    """Turn retries off, so that each answer is read once."""
    with stamina.set_testing(True, attempts=1):
        yield
