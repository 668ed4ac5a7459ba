"""Tests of the contents and buttons of a check's card in each state."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from adaptive_cards.components import time_since, time_until
from adaptive_cards.texts import keys
from jobs.model import Access, Station


@pytest.mark.parametrize(
    ("days", "shown"),
    [
        (-1, "in 0 days"),
        (12.5, "in 12 days"),
        (59, "in 8 weeks"),
        (61, "in 2 months"),
        (365, "in 12 months"),
    ],
)
def test_ahead(days: float, shown: str):
    """The time until a date is shown in days, from two weeks on in weeks and from two months on in months.

    A past date is shown as 0 days.
    """
    now = datetime(2026, 11, 24, 10, 42, tzinfo=UTC)
    assert time_until(now + timedelta(days=days), now) == shown


def test_keys_of_a_check_exist():
    """Every station of the mail's path and every kind of access has a text."""
    assert {f"station.{station}" for station in Station} | {
        f"access.{access}" for access in Access
    } <= keys()


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-5, "now"),
        (0.9, "now"),
        (1, "1 second ago"),
        (119, "119 seconds ago"),
        (120, "2 minutes ago"),
        (7140, "119 minutes ago"),
        (7200, "2 hours ago"),
        (169_200, "47 hours ago"),
        (172_800, "2 days ago"),
    ],
)
def test_ago(seconds: float, shown: str):
    """An age is shown in seconds, from two minutes on in minutes, then in hours and days.

    An age is never in the future.
    """
    now = datetime(2026, 11, 24, 10, 42, tzinfo=UTC)
    assert time_since(now - timedelta(seconds=seconds), now) == shown
