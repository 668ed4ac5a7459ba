"""Notice of a time without looks: sent once to a space, and again if Webex was away."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from bot.cards import notices
from bot.chat.audience import mark_members_checked
from bot.services import Services
from jobs.clock import now
from jobs.model import Channel, Person
from jobs.watch import rounds
from jobs.watch.model import LookOutcome, Sight, WatchedChannel

MAILBOX = "support@example.test"
Said = Callable[[], list[tuple[str, str]]]


@pytest.fixture
def gap(services) -> Services:
    """Return services with a watched channel that was not looked at for three hours."""
    channel = Channel(MAILBOX, tenant_id="t")
    began = now() - timedelta(hours=4)
    watched = WatchedChannel(channel, "room-1", Person("anna", "anna@example.test"), began)
    services.watching.channels.save(watched)
    looked = now() - timedelta(hours=3)
    services.watching.incidents.record(watched, LookOutcome(Sight.HEALTHY), looked)
    assert rounds.note_gaps(services.watching, "t", now() - timedelta(minutes=2)) == 1
    mark_members_checked(services, "room-1")
    return services


def test_a_space_is_told_once(gap, said):
    """A space is told once from when to when nobody looked at its channels."""
    for _ in range(2):
        notices.tell_spaces(gap)
    ((method, words),) = said()
    assert (method, "1 channel was not looked at for a while" in words) == ("POST", True)


def test_nothing_is_lost_while_webex_is_away(gap, said, webex_script, reply):
    """If Webex does not answer, the notice of the gap is sent five minutes later."""
    webex_script.on("POST", "/messages", reply(503))
    notices.tell_spaces(gap)
    refused = len(said())
    notices.tell_spaces(gap)
    assert len(said()) == refused
    webex_script.on("POST", "/messages", reply(body={"id": "posted-1"}))
    mark_members_checked(gap, "room-1")
    notices.tell_spaces(gap, lambda: now() + timedelta(minutes=6))
    assert len(said()) == refused + 1
    assert rounds.gaps_due(gap.redis, now() + timedelta(days=1)) == {}


def test_a_space_without_watched_channels_is_not_told(gap, said):
    """A space whose watch has ended meanwhile is not told of the gap."""
    gap.watching.end(MAILBOX, now())
    notices.tell_spaces(gap)
    assert said() == []
