"""Fixtures of the tests of cards."""

from __future__ import annotations

import pytest

from jobs.runs.run import Run


@pytest.fixture
def run(begin) -> Run:
    """Return an open run whose card is shown."""
    return begin()
