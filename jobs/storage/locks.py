"""Locks in Redis, which a process renews while it works, and the queue of the work that is due.

:func:`renewed_lock` is the only way to hold one. A thread renews it, so that it serves synchronous
and asynchronous work alike.

A process may be stopped for longer than its lock lasts and then go on: by SIGSTOP, a laptop's sleep
or a paused virtual machine. So every lock has a fencing token. It is the lock's value in Redis, and
it ends with a number that grows with every lock that is taken. A writer compares it inside the
transaction of its write (:meth:`RenewedLock.is_current`).

The queue has runs, draws of cards, events and rounds of the watch, by time. A member has the name
of its work's lock, and stays until it is done: its worker may die.
"""

import os
import re
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Self

import structlog
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import RedisError
from redis.lock import Lock

from jobs.clock import now, seconds_since_boot
from jobs.storage import codec, keys
from jobs.storage.counters import COUNTERS, TAKEN_OVER

log = structlog.get_logger(__name__)
RENEWALS = 3
LEASE_S = 12
"""Seconds that a worker keeps a run or an event without renewing its lock."""
PROC = Path("/proc")
STATE, STARTED = 0, 19
"""Positions of the process's state and start time in ``/proc/PID/stat``, counted after its name."""
DEAD = frozenset({"Z", "X"})
TOKEN = re.compile(r"[^/]*/\d+/\d*/[^/]+")
"""Pattern of a token: the machine, the process, its start, and a random word with the number."""
TAKE = """
local number = redis.call('incr', KEYS[2])
local token = ARGV[1] .. '.' .. number
if not redis.call('set', KEYS[1], token, 'px', ARGV[2], 'nx') then
    return {0, 1}
end
return {number, redis.call('hset', KEYS[3], ARGV[3], token)}
"""
"""Redis script: the number of the lock, 0 if it is not free, and 0 if nobody had released it."""
RELEASE = """
redis.call('hdel', KEYS[2], ARGV[2])
if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('del', KEYS[1]) end
"""
"""Redis script that releases a lock, unless it has expired: another process may have it."""


LockKind = StrEnum("LockKind", "RUN PRESS DRAW EVENT WEBHOOKS WATCH")
_OF_RUN = (keys.run_lock, keys.press_lock, keys.draw_lock)
_REST = (keys.event_lock, keys.webhooks_lock, keys.watch_lock)
_KEY: dict[LockKind, Callable[..., keys.Key]] = dict(zip(LockKind, (*_OF_RUN, *_REST), strict=True))


@dataclass(frozen=True, slots=True)
class LockName:
    """Name of a lock; ``owner`` is the ID, a group of the watch, or "" for the whole bot."""

    kind: LockKind
    owner: str = ""

    @property
    def key(self) -> keys.Key:
        return _KEY[self.kind](self.owner)

    @property
    def field(self) -> str:
        return f"{self.kind}:{self.owner}"

    @classmethod
    def from_field(cls, field: str) -> Self | None:
        """Return the lock with this name in the list of held locks; None for an unknown kind."""
        kind, _, owner = field.partition(":")
        return cls(LockKind(kind), owner) if kind in set(LockKind) else None


class RenewedLock(Lock):
    """Lock of redis-py that its holder renews, and that reveals when it is lost.

    If the lock cannot be renewed once, it is lost for good. It is also lost once it was not renewed
    for its whole lifetime, which needs no answer of Redis. A lock that was taken later has a higher
    ``number``, which ends its ``token`` in Redis, so no other lock ever has this token.
    """

    number = 0
    token = ""

    def __init__(
        self, redis: Redis, name: LockName, seconds: float, on_renewal: Callable[[], object]
    ) -> None:
        super().__init__(redis, name.key, timeout=seconds, thread_local=False)
        self.key, self._of, self._seconds = name.key, name, seconds
        self._lost, self._renewed = False, 0.0
        self._on_renewal = on_renewal
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep_renewing, daemon=True)

    def do_acquire(self, token: str | bytes) -> bool:
        self._renewed = seconds_since_boot()
        names = (self.key, keys.lock_numbers(), keys.locks_held())
        about = (token, int(self._seconds * 1000), self._of.field)
        self.number, is_new = self.redis.eval(TAKE, 3, *names, *about)
        if not is_new:
            COUNTERS.add(TAKEN_OVER, self._of.kind)
        return self.number > 0

    def hold(self, wait_s: float) -> bool:
        """Take the lock within ``wait_s`` seconds and keep renewing it; return whether it is held."""
        me = f"{_process(os.getpid())}/{secrets.token_hex(8)}"
        if not self.acquire(blocking=wait_s > 0, blocking_timeout=wait_s, token=me):
            return False
        self.token = f"{me}.{self.number}"
        self.local.token = self.token.encode()
        self._thread.start()
        return True

    @property
    def lost(self) -> bool:
        """Return whether the lock is known to be lost, without asking Redis."""
        if seconds_since_boot() - self._renewed >= self._seconds:
            self._lost = True
        return self._lost

    def renew(self) -> bool:
        """Renew the lock for its full lifetime; return whether it is still held after the answer."""
        asked_at = seconds_since_boot()
        try:
            if not self.lost:
                self.reacquire()
                self._on_renewal()
                self._renewed = asked_at
        except RedisError:
            self._lost = True
        return not self.lost

    def is_current(self, pipe: Pipeline) -> bool:
        """Return whether Redis still has this lock; the transaction must watch its ``key``."""
        return not self.lost and pipe.get(self.key) == self.token.encode()

    def stop_renewing(self) -> None:
        """Keep the lock for the rest of its time; ``on_renewal`` is not called any more."""
        self._over.set()
        self._thread.join()

    def _keep_renewing(self) -> None:
        while not self._over.wait(self._seconds / RENEWALS) and self.renew():
            pass


@contextmanager
def renewed_lock(
    redis: Redis,
    name: LockName,
    seconds: float = LEASE_S,
    *,
    wait_s: float = 0,
    on_renewal: Callable[[], object] = lambda: None,
) -> Iterator[RenewedLock | None]:
    """Hold the lock within the block, or yield None if another process has it.

    After the death of its process, a lock lasts until the next :func:`release_dead` if the process
    was on this machine, and otherwise at most ``seconds``.

    ``wait_s`` is how long to wait for it, in seconds; ``math.inf`` waits until it is free.
    ``on_renewal`` is called in the thread that renews.
    """
    lock = RenewedLock(redis, name, seconds, on_renewal)
    if not lock.hold(wait_s):
        yield None
        return
    try:
        yield lock
    finally:
        lock.stop_renewing()
        if not lock.lost:
            _release(redis, name, lock.token)


def _release(redis: Redis, name: LockName, token: str) -> None:
    redis.eval(RELEASE, 2, name.key, keys.locks_held(), token, name.field)


def release_dead(redis: Redis) -> tuple[LockName, ...]:
    """Release the locks of killed processes of this machine, and return the locks' names."""
    freed = []
    for raw, value in redis.hgetall(keys.locks_held()).items():
        field, token = codec.as_text(raw), codec.as_text(value)
        if TOKEN.fullmatch(token) is None:
            log.warning("an unreadable entry is dropped", key=keys.locks_held(), entry=field)
            redis.hdel(keys.locks_held(), raw)
        elif is_dead(token):
            if name := LockName.from_field(field):
                _release(redis, name, token)
                COUNTERS.add(TAKEN_OVER, name.kind)
                freed.append(name)
            else:
                redis.hdel(keys.locks_held(), field)
    return tuple(freed)


def is_dead(token: str) -> bool:
    """Return whether the token's process is known to be gone, which one elsewhere never is."""
    place, pid, started, _ = token.split("/")
    return place == _place() != "" and _started(pid) != started


@cache
def _place() -> str:
    """Return the boot ID of this machine and the process namespace; empty if they are unknown."""
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot} {(PROC / 'self/ns/pid').readlink().name}"
    except OSError:
        return ""


@cache
def _process(pid: int) -> str:
    return f"{_place()}/{pid}/{_started(str(pid))}"


def _started(pid: str) -> str:
    """Return when the process started, in ticks since boot; empty if it is gone or a zombie."""
    try:
        fields = (PROC / pid / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[STATE] in DEAD else fields[STARTED]


DUE = frozenset({LockKind.RUN, LockKind.DRAW, LockKind.EVENT, LockKind.WATCH})
AGAIN_S = LEASE_S + 1
"""Seconds after which work that was handed out, and did not end, is handed out again."""
LONGEST_PAUSE_S = 3600
"""Most seconds until a member is handed out: a later time counts as one of a wrong clock."""
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

TAKE_DUE = """
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


def claim_due(redis: Redis) -> tuple[list[LockName], float | None]:
    """Return the work that is due, each put off by :data:`AGAIN_S`, and seconds until the next look.

    Work that another dispatcher takes in the same moment is left to it. A member that no version
    has written is dropped, because nobody could settle it.
    """
    at = now().timestamp()
    first: Any = redis.zrange(keys.due(), 0, 0, withscores=True)
    if not first or first[0][1] > at:
        return [], first[0][1] - at if first else None
    taken = redis.eval(TAKE_DUE, 1, keys.due(), repr(at), repr(at + AGAIN_S), MOST)
    names = list[LockName]()
    for raw in taken:
        name = LockName.from_field(codec.as_text(raw))
        if name and name.kind in DUE and name.field.encode() == raw:
            names.append(name)
        else:
            log.warning("an unreadable entry is dropped", key=keys.due(), entry=repr(raw))
            redis.zrem(keys.due(), raw)
    return names, 0.0


def recall_due(redis: Redis) -> None:
    """Have everything handed out whose time was written before the clock was set back."""
    at = now().timestamp()
    since = at + LONGEST_PAUSE_S + 1
    beyond: Any = redis.zrangebyscore(keys.due(), since, "+inf", start=0, num=MOST)
    if beyond:
        redis.zadd(keys.due(), dict.fromkeys(beyond, at), xx=True)
