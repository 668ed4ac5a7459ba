"""Fixtures of the tests of cards."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jobs.runs.run import Run


@pytest.fixture
def run(begin: Callable[..., Run]) -> Run:
    """Return an open run whose card is shown."""
    return begin()
