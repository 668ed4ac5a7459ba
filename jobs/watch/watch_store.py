"""Store of the watched channels in Redis, and of the time at which each group is looked at.

A record names the space that gets the cards and the people who are told, so it carries a MAC: a
client that can only write to Redis cannot send a channel's cards elsewhere.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog
from redis import Redis
from redis.client import Pipeline

from jobs.clock import now
from jobs.model import Channel
from jobs.storage import codec, keys
from jobs.storage.due_queue import DueQueue
from jobs.storage.locks import LockKind
from jobs.storage.vault import Authenticator
from jobs.watch import records
from jobs.watch.model import ChannelState, WatchedChannel

LEASE_S = 30
"""Seconds after which a group is given out again if its worker has not reported back."""
log = structlog.get_logger(__name__)


class WatchStore:
    """Store of the watched channels.

    ``schedule`` has the time at which each group is looked at. Every method raises redis.RedisError
    if Redis is unreachable.
    """

    def __init__(self, redis: Redis, authenticator: Authenticator | None = None) -> None:
        self.redis = redis
        self._authenticator = authenticator or Authenticator()
        self.schedule = DueQueue(redis, LockKind.WATCH)

    def load(self, mailbox: str) -> WatchedChannel | None:
        """Return the watched channel; None if it is not watched, or this bot did not write it."""
        return self._read(mailbox, self.redis.get(keys.watched(mailbox)))

    def _read(self, mailbox: str, raw: object) -> WatchedChannel | None:
        known = self._decoded(mailbox, raw)
        if raw is not None and known is None:
            log.error("a watched channel was not recorded by this bot", mailbox=mailbox)
        return known

    def save(self, watched: WatchedChannel, *, at: datetime | None = None) -> None:
        """Record the channel, or its change, and have its group looked at soon.

        ``at`` is when the group is looked at; now if it is None. An earlier record of the same
        channel is replaced, even if it is for another space.
        """

        def attempt(pipe: Pipeline) -> None:
            before = self._decoded(watched.mailbox, pipe.get(keys.watched(watched.mailbox)))
            pipe.multi()
            _unlist(pipe, before)
            mailbox, group = watched.mailbox, watched.group
            body = self._authenticator.protect(_context(mailbox), codec.dump(watched))
            pipe.set(keys.watched(mailbox), body)
            pipe.hset(keys.watched_channels(), mailbox, group)
            pipe.sadd(keys.watched_group(group), mailbox)
            pipe.sadd(keys.watched_in_space(watched.room), mailbox)
            self.schedule.add(group, at or now(), pipe, sooner=True)

        self.redis.transaction(attempt, keys.watched(watched.mailbox))

    def update_channel(self, mailbox: str, channel: Channel) -> None:
        """Replace the channel by its newest run's, if it is watched."""
        known = self.load(mailbox)
        if known is not None:
            self.save(replace(known, channel=channel))

    def remove(self, mailbox: str) -> bool:
        """Take a channel off all lists; return whether it was on any. Its state and history stay.

        :meth:`jobs.watch.watching.Watching.end` ends its incident, too.
        """

        def attempt(pipe: Pipeline) -> bool:
            raw = pipe.get(keys.watched(mailbox))
            before = self._decoded(mailbox, raw)
            pipe.multi()
            pipe.delete(keys.watched(mailbox))
            pipe.hdel(keys.watched_channels(), mailbox)
            _unlist(pipe, before)
            return raw is not None

        return records.in_transaction(self.redis, attempt, keys.watched(mailbox))

    def all(self) -> tuple[WatchedChannel, ...]:
        return self._loaded(self.redis.hkeys(keys.watched_channels()))

    def of_space(self, room: str) -> tuple[WatchedChannel, ...]:
        return self._loaded(self.redis.smembers(keys.watched_in_space(room)))

    def of_group(self, group: str) -> tuple[WatchedChannel, ...]:
        return self._loaded(self.redis.smembers(keys.watched_group(group)))

    def _loaded(self, raw: Any) -> tuple[WatchedChannel, ...]:
        names = sorted(each.decode() for each in raw)
        return records.all_named(self.redis, names, keys.watched, self._read)

    def _decoded(self, mailbox: str, raw: object) -> WatchedChannel | None:
        return records.verified(self._authenticator, _context(mailbox), raw, WatchedChannel)


def due_now(state: ChannelState, watched: WatchedChannel, at: datetime) -> bool:
    """Return whether the channel is to be looked at at ``at``."""
    return _due_at(state, watched, at) <= at


def next_due(
    channels: tuple[WatchedChannel, ...], states: dict[str, ChannelState], at: datetime
) -> datetime | None:
    return min((_due_at(states[each.mailbox], each, at) for each in channels), default=None)


def _due_at(state: ChannelState, watched: WatchedChannel, at: datetime) -> datetime:
    """Return when to look: after a pause, and at ``at`` if nothing is known."""
    return max(state.next_look or at, watched.paused_until or at)


def _unlist(pipe: Pipeline, watched: WatchedChannel | None) -> None:
    """Add to a transaction that a channel is taken off all lists, if it was recorded."""
    if watched is not None:
        pipe.srem(keys.watched_group(watched.group), watched.mailbox)
        pipe.srem(keys.watched_in_space(watched.room), watched.mailbox)


def _context(mailbox: str) -> tuple[str, ...]:
    return "watched", mailbox
