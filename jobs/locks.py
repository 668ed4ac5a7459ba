"""Locks that know their process. One whose process was killed is given free at once where that can be seen, and else by its end.

A process is known by its machine, its process namespace, its number and when it was started, so nobody who merely runs
elsewhere, or under the same number later, is taken for dead or for alive.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from functools import cache
from pathlib import Path

from redis import Redis
from redis.exceptions import LockError
from redis.lock import Lock

HELD = "locks:held"
PROC = Path("/proc")
STATE, STARTED = 0, 19
"""Where the state and the start stand in ``/proc/PID/stat``, counted behind the name."""
DEAD = frozenset({"Z", "X"})


def take(redis: Redis, name: str, seconds: float) -> Lock | None:
    """The lock, for so many seconds and in this process's name, or None where somebody has it. Never waits."""
    token = _me()
    lock: Lock = redis.lock(name, timeout=seconds, thread_local=False)
    if not lock.acquire(blocking=False, token=token):
        return None
    redis.hset(HELD, name, token)
    return lock


def give(redis: Redis, lock: Lock) -> None:
    """Give it back; one that ran out, and that another may have by now, is left alone."""
    redis.hdel(HELD, str(lock.name))
    with suppress(LockError):
        lock.release()


def free_of_dead(redis: Redis) -> tuple[str, ...]:
    """Give free what killed processes of this machine hold, and name it."""
    held = {_text(name): _text(token) for name, token in redis.hgetall(HELD).items()}
    dead = {name: token for name, token in held.items() if is_dead(token)}
    for name, token in dead.items():
        with suppress(LockError):
            redis.lock(name).do_release(token.encode())
        redis.hdel(HELD, name)
    return tuple(dead)


def is_dead(token: str) -> bool:
    """Whether the process that took a lock with this token is known to be gone. One of another machine is never known to be."""
    place, pid, started, _ = token.split("/")
    return place == _place() != "" and _started(pid) != started


def _me() -> str:
    pid = str(os.getpid())
    return f"{_place()}/{pid}/{_started(pid)}/{secrets.token_hex(8)}"


@cache
def _place() -> str:
    """This boot of this machine and its process namespace; empty where the system does not tell."""
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot} {(PROC / 'self/ns/pid').readlink().name}"
    except OSError:
        return ""


def _started(pid: str) -> str:
    """When the process was started, in ticks since the boot; empty where there is none, or only its remains."""
    try:
        fields = (PROC / pid / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[STATE] in DEAD else fields[STARTED]


def _text(raw: object) -> str:
    return raw.decode() if isinstance(raw, bytes) else str(raw)
