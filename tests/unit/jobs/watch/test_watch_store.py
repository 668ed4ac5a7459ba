"""Tests of the watched channels in Redis, and of the time at which each group is looked at."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis

from jobs.model import Channel, Person
from jobs.storage import keys
from jobs.storage.vault import Authenticator
from jobs.watch.model import ChannelState, WatchedChannel
from jobs.watch.store import WatchStore, due_now, next_due
from tests.fixtures.queue_state import claimed

AT = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)


def watched(mailbox: str, tenant: str = "tenant-1", room: str = "room-1") -> WatchedChannel:
    """Return a watched channel."""
    return WatchedChannel(
        Channel(mailbox, tenant_id=tenant), room, Person("p", "anna@contoso.com"), AT
    )


@pytest.fixture
def store(redis: Redis) -> WatchStore:
    """Return a store without channels."""
    return WatchStore(redis, Authenticator(("key",)))


def test_a_channel_is_listed_by_its_space_and_its_tenant(store: WatchStore):
    """A watched channel is in the lists of its space and its tenant.

    A change of the space or the tenant moves the channel to other lists.
    """
    one, two = watched("a@contoso.com"), watched("b@contoso.com", tenant="TENANT-1")
    store.save(one)
    store.save(two)
    assert store.load("a@contoso.com") == one
    assert store.of_space("room-1") == store.all("tenant-1") == store.all() == (one, two)
    moved = replace(two, room="room-2", channel=replace(two.channel, tenant_id="tenant-2"))
    store.save(moved)
    assert (store.of_space("room-1"), store.of_space("room-2")) == ((one,), (moved,))
    assert (store.all("tenant-1"), store.all("tenant-2")) == ((one,), (moved,))


def test_the_end_of_a_watch_leaves_no_list_with_the_channel(store: WatchStore):
    """The end of a watch takes the channel off every list.

    A second end reports that the channel was not watched.
    """
    store.save(watched("a@contoso.com"))
    assert (store.remove("a@contoso.com"), store.remove("a@contoso.com")) == (True, False)
    assert (store.load("a@contoso.com"), store.all(), store.of_space("room-1")) == (None, (), ())


def test_a_record_that_this_bot_did_not_write_is_not_believed(store: WatchStore):
    """A record that this bot did not write is ignored.

    A forged record could send a channel's cards to another space.
    """
    forged = WatchStore(store.redis, Authenticator(("other",)))
    forged.save(watched("a@contoso.com", room="elsewhere"))
    assert store.load("a@contoso.com") is None
    assert store.all() == ()


def test_a_group_with_a_new_channel_is_due(store: WatchStore):
    """A channel that is added makes its group due, also during a round of the group."""
    store.save(watched("a@contoso.com"))
    assert claimed(store.redis) == ("tenant-1",)
    due = store.schedule.due("tenant-1")
    store.save(watched("b@contoso.com"))
    store.schedule.settle("tenant-1", due)
    assert claimed(store.redis) == ("tenant-1",)


def test_a_paused_channel_is_not_due():
    """A paused channel is not due until its pause is over."""
    one = replace(watched("a@contoso.com"), paused_until=AT + timedelta(hours=2))
    other = watched("b@contoso.com")
    states = {
        "a@contoso.com": ChannelState(next_look=AT),
        "b@contoso.com": ChannelState(next_look=AT + timedelta(minutes=5)),
    }
    assert not due_now(states["a@contoso.com"], one, AT)
    assert due_now(states["a@contoso.com"], one, AT + timedelta(hours=2))
    assert not due_now(states["b@contoso.com"], other, AT)
    assert due_now(ChannelState(), other, AT)
    assert next_due((one,), states, AT) == AT + timedelta(hours=2)
    assert next_due((one, other), states, AT) == AT + timedelta(minutes=5)
    assert next_due((), states, AT) is None


def test_the_key_of_a_record_names_its_channel(store: WatchStore):
    """A record that was copied to the key of another channel is ignored."""
    store.save(watched("a@contoso.com"))
    store.redis.copy(keys.watched("a@contoso.com"), keys.watched("b@contoso.com"))
    assert store.load("b@contoso.com") is None
