"""A list in Redis of everything that is due: members by the time at which each is handed out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from redis import Redis
from redis.client import Pipeline

from jobs.clock import now
from jobs.storage import codec

log = structlog.get_logger(__name__)
LONGEST_PAUSE_S = 3600
"""Longest time for which anything is postponed, in seconds."""
SETTLE = (
    "if tonumber(redis.call('zscore', KEYS[1], ARGV[1])) == tonumber(ARGV[2])"
    " then redis.call('zrem', KEYS[1], ARGV[1]) end"
)
"""Redis script that takes a member off the list unless its time has changed meanwhile."""

MOVE = (
    "if tonumber(redis.call('zscore', KEYS[1], ARGV[1])) == tonumber(ARGV[2])"
    " then redis.call('zadd', KEYS[1], ARGV[3], ARGV[1]) end"
)
"""Redis script that gives a member another time unless its time has changed meanwhile."""


@dataclass(frozen=True, slots=True)
class DueList:
    """List in a sorted set of Redis. A member stays until it is done, because its worker may die.

    Attributes:
        lease_s: The seconds after which a member that was handed out is handed out again.
    """

    redis: Redis
    key: str
    lease_s: float

    def schedule(self, member: str, when: datetime) -> None:
        """Have the member handed out at the time ``when``."""
        self.redis.zadd(self.key, {member: when.timestamp()})

    def remove(self, member: str) -> None:
        """Take the member off the list."""
        self.redis.zrem(self.key, member)

    def due(self, member: str) -> float:
        """Return when the member is due, in seconds since the epoch; 0 if it is not on the list."""
        return float(self.redis.zscore(self.key, member) or 0)

    def settle(self, member: str, due: float) -> None:
        """Take the member off the list, unless its time has changed since it was due at ``due``."""
        self.redis.eval(SETTLE, 1, self.key, member, repr(due))

    def move(self, member: str, due: float, when: datetime | None) -> None:
        """Have the member handed out at ``when``, or take it off the list if that is None.

        Nothing is done if its time has changed since it was due at ``due``.
        """
        if when is None:
            self.settle(member, due)
            return
        latest = now().timestamp() + LONGEST_PAUSE_S
        moment = repr(min(when.timestamp(), latest))
        self.redis.eval(MOVE, 1, self.key, member, repr(due), moment)

    def extend(
        self, member: str, seconds: float | None = None, pipe: Pipeline | None = None
    ) -> None:
        """Put a member of the list off by so many seconds; by the lease if no number is given."""
        (self.redis if pipe is None else pipe).zadd(
            self.key, {member: _later(self.lease_s if seconds is None else seconds)}, xx=True
        )

    def claim(self, most: int = 100) -> tuple[str, ...]:
        """Return the members whose time has come, and put each of them off by the lease.

        A time beyond the longest pause was written before the clock was set back, so its member is
        due too.
        """
        moment = now().timestamp()
        spans = ((0, moment), (moment + LONGEST_PAUSE_S + 1, "+inf"))
        ready = [
            codec.as_text(raw)
            for low, high in spans
            for raw in self.redis.zrangebyscore(self.key, low, high, start=0, num=most)
            if self._is_text(raw)
        ]
        if ready:
            self.redis.zadd(self.key, dict.fromkeys(ready, _later(self.lease_s)), xx=True)
        return tuple(ready)

    def _is_text(self, raw: Any) -> bool:
        """Return whether the member is text; another one is dropped, as nobody could settle it."""
        is_text: bool = codec.as_text(raw).encode() == raw
        if not is_text:
            log.warning("an unreadable entry is dropped", key=self.key, entry=repr(raw))
            self.redis.zrem(self.key, raw)
        return is_text


def _later(seconds: float) -> float:
    return now().timestamp() + seconds
