"""Tests of times and durations as cards show them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from adaptive_cards.locale import Locale, drawn_for
from adaptive_cards.texts import render
from adaptive_cards.times import clock, clock_seconds, day, day_clock, lasted, seconds
from jobs.model import Text, every_of, span_of

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
def test_lasted(minutes, shown):
    """A duration is shown in seconds under a minute, in minutes up to two hours, then in hours."""
    assert lasted(timedelta(minutes=minutes)) == shown


@pytest.mark.parametrize(
    ("minutes", "english", "german"),
    [
        (15, "every 15 minutes", "alle 15 Minuten"),
        (60, "every hour", "jede Stunde"),
        (120, "every 2 hours", "alle 2 Stunden"),
        (1440, "every day", "jeden Tag"),
    ],
)
def test_how_often_is_said_as_people_do(minutes, english, german):
    """How often has no number for one hour and one day; how long has one."""
    lasts = Text("watch.begun_test_mail", {"interval": span_of(timedelta(minutes=minutes))})
    assert f"for {english.removeprefix('every ')}," in render(lasts).replace("for 1 ", "for ")
    words = Text("watch.line_healthy", {"interval": every_of(timedelta(minutes=minutes))})
    assert english in render(words)
    with drawn_for(Locale("de")):
        assert german in render(words)
