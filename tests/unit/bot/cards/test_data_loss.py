"""Spaces are told once that the bot has lost its data, with a real Redis that loses it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.cards.notices import LossWatch
from bot.chat.audience import mark_members_checked
from jobs.clock import now
from jobs.model import Channel, Person
from jobs.runs.run import Event, Kind, Origin, Run
from tests.fixtures.webex_script import Reply

Begin = Callable[..., Run]
Said = Callable[[], list[tuple[str, str]]]


@pytest.fixture
def lose(services, redis) -> Callable[[], None]:
    """Return a function that makes Redis lose everything, with no outsider in the space."""

    def lost() -> None:
        redis.flushall()
        mark_members_checked(services, "room-1")

    return lost


def test_a_space_with_a_run_is_told_once(services, begin, said, lose):
    """A space with a run is told of the loss once, although two processes watch.

    The words name the mailbox and the next command.
    """
    begin()
    watches = [LossWatch(services), LossWatch(services)]
    for watch in watches:
        watch()
    assert said() == []
    lose()
    for watch in (*watches, *watches):
        watch()
    ((_, text),) = said()
    assert ("/setup-email" in text, "support@example.test" in text) == (True, True)


def test_a_space_with_a_channel_is_told(services, begin, said, lose):
    """A space with a channel is told of the loss, although the run of the channel has ended."""
    run = begin()
    services.store.end(run, Event(Kind.FINISHED, now()))
    watch = LossWatch(services)
    watch()
    lose()
    watch()
    assert len(said()) == 1


def test_what_an_older_backup_has_goes_on(services, redis, begin, said):
    """Only the run that began after the backup is lost.

    The space of the lost run is told, and the other space is not.
    """
    begin()
    at = [0.0]
    watch = LossWatch(services, lambda: at[0])
    for _ in range(3):
        watch()
    backup = {key: redis.dump(key) for key in redis.scan_iter()}
    channel = Channel("sales@example.test", "https://uk.webexconnect.io/callback", "x2@mail.test")
    later = services.store.open(
        channel, Person("anna", "anna@example.test", "org-1"), Origin("room-2", direct=True)
    )
    services.store.append(later.id, Event(Kind.DETAILS, now(), channel=channel))
    for _ in range(20):
        at[0] += 5
        watch()
    redis.flushall()
    for key, value in backup.items():
        redis.restore(key, 0, value)
    watch()
    ((_, text),) = said()
    assert ("sales@example.test" in text, "support@example.test" in text) == (True, False)


def test_an_outsider_learns_nothing(services, redis, begin, said, webex_script):
    """If an outsider is in the space, the notice says that cards are held back.

    The notice names no address.
    """
    begin()
    watch = LossWatch(services)
    watch()
    redis.flushall()
    stranger = {"personId": "x", "personEmail": "x@elsewhere.test", "personOrgId": "org-9"}
    webex_script.on("GET", "/memberships", Reply(body={"items": [stranger]}))
    webex_script.on("GET", "/people", Reply(body={"items": []}))
    watch()
    assert all("support@example.test" not in text for _, text in said())
