"""Tests of the contents and buttons of a check's card in each state."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import ModuleType

import pytest

from adaptive_cards import channels
from adaptive_cards.cards.channels import ChannelLine, ChannelsView
from adaptive_cards.components import time_since, time_until
from adaptive_cards.texts import keys
from jobs.model import Access, State, Station, Text
from tests.unit.adaptive_cards.verdict_rows import MAILBOX


def test_without_a_proof_nothing_is_said_to_flow(make_verdict: ModuleType):
    """Settings that are all right do not prove a mail, so the check says "not confirmed"."""
    assert make_verdict.checked(0, lines=make_verdict.RIGHT).text == (
        "Not confirmed: no mail was seen in both directions. Nothing wrong was found in what was "
        "checked. Nobody has to act. The tests that ran "
        "are listed below."
    )


@pytest.mark.parametrize(
    ("days", "shown"),
    [
        (-1, "in 0 days"),
        (12.5, "in 12 days"),
        (60, "in 60 days"),
        (61, "in 2 months"),
        (365, "in 12 months"),
    ],
)
def test_ahead(days: float, shown: str):
    """The time until a date is shown in days up to two months, then in months.

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
        (1, "1 s ago"),
        (119, "119 s ago"),
        (120, "2 min ago"),
        (7199, "119 min ago"),
        (7200, "2 h ago"),
        (172_799, "47 h ago"),
        (172_800, "2 days ago"),
    ],
)
def test_ago(seconds: float, shown: str):
    """An age is shown in seconds, from two minutes on in minutes, then in hours and days.

    An age is never in the future.
    """
    now = datetime(2026, 11, 24, 10, 42, tzinfo=UTC)
    assert time_since(now - timedelta(seconds=seconds), now) == shown


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (State.WRONG, "Mail is broken in the only channel."),
        (State.UNKNOWN, "The only channel is not fully checked."),
    ],
)
def test_a_single_channel_is_not_one_of_one(state: State, said: str):
    """If a space has a single channel, the card of all channels says "the only channel"."""
    line = ChannelLine(MAILBOX, state, Text("verdict.unproven"))
    view = ChannelsView((line,), datetime(2026, 11, 27, tzinfo=UTC))
    assert channels(view).text.startswith(said)
