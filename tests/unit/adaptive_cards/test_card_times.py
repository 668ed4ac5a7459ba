"""Tests of times and durations as cards show them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from adaptive_cards.times import clock, clock_seconds, day, day_clock, lasted, seconds

AT = datetime(2026, 11, 24, 14, 2, 8, tzinfo=UTC)


def test_times_are_utc_and_say_so():
    """A time of another zone is shown in UTC and with that word.

    Only a column of seconds leaves the word out.
    """
    elsewhere = AT.astimezone(timezone(timedelta(hours=11)))
    shown = [write(elsewhere) for write in (clock, clock_seconds, seconds, day, day_clock)]
    assert shown == ["14:02 UTC", "14:02:08 UTC", "14:02:08", "24 Nov 2026", "24 Nov 14:02 UTC"]


@pytest.mark.parametrize(
    ("minutes", "shown"),
    [
        (-5, "0 seconds"),
        (0.34, "20 seconds"),
        (0.999, "59 seconds"),
        (1, "1 minute"),
        (58, "58 minutes"),
        (119, "119 minutes"),
        (200, "3 hrs 20 mins"),
    ],
)
def test_lasted(minutes: float, shown: str):
    """A duration is shown in seconds under a minute, in minutes up to two hours, then in hours."""
    assert lasted(timedelta(minutes=minutes)) == shown
