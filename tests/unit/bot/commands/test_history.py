"""The command ``/history``: its contents, its readers, and its refusals."""

from __future__ import annotations

from datetime import UTC, date, timedelta

import pytest

from adaptive_cards.times import written_date
from jobs.clock import now
from jobs.watch.model import LookOutcome, Sight, WatchedChannel
from tests.unit.bot.commands.typed_commands import cards, pressed, proven, type_
from tests.unit.bot.watched import GOOD, MAILBOX, look, watch, with_incident


def links_in(posted: str) -> bool:
    """Return whether a card has a link to a history."""
    return "https://bot.example.test/history/" in posted


def test_each_history_has_a_link_of_its_own(anna, webex_script):
    """Each ``/history`` answer has a link of its own, because a link works once."""
    with_incident(anna.services)
    type_(anna, "history", MAILBOX)
    first = set(anna.services.redis.scan_iter("sealed:page:*"))
    type_(anna, "history", MAILBOX)
    assert (len(first), len(set(anna.services.redis.scan_iter("sealed:page:*")))) == (1, 2)
    assert links_in(cards(webex_script))


def test_what_was_not_seen_is_not_called_available(anna, webex_script):
    """Without the tenant's read access, nothing is measured, and the card says what is not seen."""
    watched = watch(anna.services)
    look(anna.services, watched, LookOutcome(Sight.HEALTHY), now() - timedelta(minutes=5))
    type_(anna, "history", MAILBOX)
    posted = cards(webex_script)
    assert "No incident seen since" in posted
    assert "would not notice a changed forwarding, policy or secret." in posted
    assert ("not seen" in posted, "Let the watch see more" in posted) == (True, True)
    assert "Available" not in posted


def test_a_channel_that_is_not_watched_has_no_history(anna, webex_script):
    """For a channel that is not watched, the answer says how a history begins.

    The answer has the button for it.
    """
    proven(anna)
    type_(anna, "history", MAILBOX)
    assert "There is no history" in cards(webex_script)
    assert {"do": "watch", "channel": MAILBOX} in pressed(webex_script)


@pytest.mark.parametrize("month", ["", "{month}"])
def test_a_channel_of_another_space_is_unknown_here(anna, webex_script, month):
    """A person outside a channel's space learns nothing, not even that the channel exists."""
    watched = watch(anna.services, room="room-9")
    look(anna.services, watched, GOOD, now())
    type_(anna, "history", f"{MAILBOX} {month.format(month=this_month())}".strip())
    posted = cards(webex_script)
    assert ("was not set up in this space" in posted, links_in(posted)) == (True, False)
    assert list(anna.services.redis.scan_iter("sealed:page:*")) == []


@pytest.mark.parametrize("typed", ["", "support", "support@contoso,com"])
def test_a_wrong_address_is_corrected(anna, webex_script, typed):
    """For a wrong address, the buttons of the answer run ``/history`` again."""
    type_(anna, "history", typed)
    assert "'command': 'history'" in cards(webex_script)


def this_month() -> str:
    """Return the present month in UTC."""
    return f"{now().astimezone(UTC):%Y-%m}"


def month_of(watched: WatchedChannel) -> str:
    """Return the month in which the incident of the tests began."""
    return f"{(watched.since - timedelta(days=2)).astimezone(UTC):%Y-%m}"


@pytest.mark.parametrize("typed", ["{mailbox} {month}", "{month} {mailbox}"])
def test_a_month(anna, webex_script, typed):
    """``/history`` with a month shows its days, its figures and its incidents."""
    month = month_of(with_incident(anna.services))
    type_(anna, "history", typed.format(mailbox=MAILBOX, month=month))
    posted = cards(webex_script)
    first = written_date(date.fromisoformat(f"{month}-01"))
    assert (f"{first} to " in posted, links_in(posted)) == (True, True)
    assert ("1 incident" in posted, "goes on" in posted) == (True, False)


def test_another_month_has_other_days(anna, webex_script):
    """The month before that of the incident has no look."""
    first = (with_incident(anna.services).since - timedelta(days=2)).replace(day=1)
    type_(anna, "history", f"{MAILBOX} {first - timedelta(days=1):%Y-%m}")
    assert "Nobody has looked at this channel in these days" in cards(webex_script)


def test_a_month_without_an_address(anna, webex_script):
    """With a month alone, the buttons of the channels show that month."""
    proven(anna)
    type_(anna, "history", this_month())
    meant = {"do": "typed", "command": "history", "mailbox_meant": f"{MAILBOX} {this_month()}"}
    assert meant in pressed(webex_script)


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("2026-13", "is not a month"),
        ("2026-11 2026-12", "is not a month"),
        ("2026-11-27", "is not a month"),
        ("9998-12", "has not begun"),
        ("9999-12", "is not a month"),
        ("2020-01", "is not kept any more"),
    ],
)
def test_a_bad_month_is_answered(anna, webex_script, typed, answer):
    """The answer to a bad month gives the reason, and says which text can be typed."""
    with_incident(anna.services)
    type_(anna, "history", f"{MAILBOX} {typed}")
    posted = cards(webex_script)
    assert (answer in posted, "Type /history ADDRESS 2" in posted) == (True, True)
