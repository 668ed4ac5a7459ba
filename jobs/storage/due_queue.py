"""Queue in Redis of all that is due: runs, draws of cards, events and rounds of the watch, by time.

A member has the name of its work's lock, and stays until it is done: its worker may die.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from redis import Redis
from redis.client import Pipeline

from jobs.clock import now
from jobs.storage import codec, keys
from jobs.storage.locks import LockKind, LockName

log = structlog.get_logger(__name__)
KINDS = frozenset({LockKind.RUN, LockKind.DRAW, LockKind.EVENT, LockKind.WATCH})
LEASE_S = 12
"""Seconds that a worker keeps a run or an event without renewing its lock."""
AGAIN_S = LEASE_S + 1
"""Seconds after which work that was handed out, and did not end, is handed out again."""
LONGEST_PAUSE_S = 3600
MOST = 100
MOVE = """
if tonumber(redis.call('zscore', KEYS[1], ARGV[1])) ~= tonumber(ARGV[2]) then
  return 0
end
if ARGV[3] == '' then
  return redis.call('zrem', KEYS[1], ARGV[1])
end
redis.call('zadd', KEYS[1], ARGV[3], ARGV[1])
return 1
"""
"""Redis script that gives a member another time or none; 0 if its time has changed meanwhile."""

TAKE = """
local due = redis.call('zrange', KEYS[1], '-inf', ARGV[1], 'byscore', 'limit', 0, ARGV[3])
local again = {}
for _, member in ipairs(due) do
  table.insert(again, ARGV[2])
  table.insert(again, member)
end
if #due > 0 then
  redis.call('zadd', KEYS[1], unpack(again))
end
return due
"""
"""Redis script that puts off what is due; what thousands wait for costs one call a hundred."""

COUNT = """
local count = 0
for _, member in ipairs(redis.call('zrange', KEYS[1], 0, -1)) do
  if string.sub(member, 1, #ARGV[1]) == ARGV[1] then count = count + 1 end
end
return count
"""


@dataclass(frozen=True, slots=True)
class DueQueue:
    """Work of one kind in the queue; a member is the id of a run or event, or a group's name."""

    redis: Redis
    kind: LockKind

    def add(
        self, member: str, when: datetime, pipe: Pipeline | None = None, *, sooner: bool = False
    ) -> None:
        """Have the member handed out at the time ``when``; with ``sooner`` only if that is sooner."""
        (pipe or self.redis).zadd(keys.due(), {self.field(member): when.timestamp()}, lt=sooner)

    def remove(self, member: str, pipe: Pipeline | None = None) -> None:
        (pipe or self.redis).zrem(keys.due(), self.field(member))

    def due(self, member: str) -> float:
        return float(self.redis.zscore(keys.due(), self.field(member)) or 0)

    def settle(self, member: str, due: float, when: datetime | None = None) -> None:
        """Have the member handed out next at ``when``, or not; nothing is done if there is news."""
        latest = now() + timedelta(seconds=LONGEST_PAUSE_S)
        moment = "" if when is None else repr(min(when, latest).timestamp())
        self.redis.eval(MOVE, 1, keys.due(), self.field(member), repr(due), moment)

    def extend(self, member: str, seconds: float = AGAIN_S) -> None:
        moment = now() + timedelta(seconds=seconds)
        self.redis.zadd(keys.due(), {self.field(member): moment.timestamp()}, xx=True)

    def all(self) -> dict[str, datetime]:
        rows: Any = self.redis.zrange(keys.due(), 0, -1, withscores=True)
        head = f"{self.kind}:".encode()
        own = {raw.removeprefix(head): score for raw, score in rows if raw.startswith(head)}
        return {codec.as_text(n): datetime.fromtimestamp(score, UTC) for n, score in own.items()}

    def count(self) -> int:
        """Return the number of members, counted in Redis, because it may be that of all channels."""
        return int(self.redis.eval(COUNT, 1, keys.due(), f"{self.kind}:"))

    def field(self, member: str) -> str:
        return LockName(self.kind, member).field


def after_lease() -> datetime:
    return now() + timedelta(seconds=AGAIN_S)


def claim(redis: Redis) -> tuple[list[LockName], float | None]:
    """Return the work that is due, each put off by :data:`AGAIN_S`, and seconds until the next look.

    Work that another dispatcher takes in the same moment is left to it. A member that no version
    has written is dropped, because nobody could settle it.
    """
    at = now().timestamp()
    first: Any = redis.zrange(keys.due(), 0, 0, withscores=True)
    if not first or first[0][1] > at:
        return [], first[0][1] - at if first else None
    taken = redis.eval(TAKE, 1, keys.due(), repr(at), repr(at + AGAIN_S), MOST)
    names = list[LockName]()
    for raw in taken:
        name = LockName.from_field(codec.as_text(raw))
        if name and name.kind in KINDS and name.field.encode() == raw:
            names.append(name)
        else:
            log.warning("an unreadable entry is dropped", key=keys.due(), entry=repr(raw))
            redis.zrem(keys.due(), raw)
    return names, 0.0


def recall(redis: Redis) -> None:
    """Have everything handed out whose time was written before the clock was set back."""
    at = now().timestamp()
    since = at + LONGEST_PAUSE_S + 1
    beyond: Any = redis.zrangebyscore(keys.due(), since, "+inf", start=0, num=MOST)
    if beyond:
        redis.zadd(keys.due(), dict.fromkeys(beyond, at), xx=True)
