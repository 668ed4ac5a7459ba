"""Tests of times as the clouds write them."""

from datetime import UTC, datetime

import pytest

from jobs.clock import parse

MADE = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-06-01T00:00:00Z", MADE),
        ("2026-06-01T02:00:00+02:00", MADE),
        ("2026-06-01T00:00:00", MADE),
        (None, None),
        ("soon", None),
        ("0001-01-01T00:00:00+02:00", None),
    ],
)
def test_moments(text, found):
    """A time is read in UTC, whatever time zone it is written in.

    Text that is no time gives None.
    """
    assert parse(text) == found
