"""A lock that is renewed while the work lasts, however long Webex takes to answer."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from redis import Redis
from redis.exceptions import LockError, RedisError
from redis.lock import Lock

RENEWALS = 3
"""How often a lock is renewed within the time for which it was taken."""


class RenewedLock:
    """A lock that was taken. Once it could not be renewed somebody else may have it, and it does not come back."""

    def __init__(self, lock: Lock) -> None:
        self._lock = lock
        self.lost = False

    def renew(self) -> bool:
        """Whether it is still held, and now for its whole time again."""
        try:
            if not self.lost:
                self._lock.reacquire()
        except RedisError:
            self.lost = True
        return not self.lost


@contextmanager
def renewed_lock(redis: Redis, name: str, seconds: float) -> Iterator[RenewedLock | None]:
    """Hold the lock within, or None where somebody else has it. It outlives a process that was killed by so many seconds."""
    lock = acquire(redis, name, seconds)
    if lock is None:
        yield None
        return
    held, over = RenewedLock(lock), threading.Event()
    renewing = threading.Thread(target=_renew, args=(held, over, seconds / RENEWALS), daemon=True)
    renewing.start()
    try:
        yield held
    finally:
        over.set()
        renewing.join()
        if not held.lost:
            release(redis, lock)


def _renew(held: RenewedLock, over: threading.Event, pause_s: float) -> None:
    while not over.wait(pause_s) and held.renew():
        pass


HELD = "locks:held"


PROC = Path("/proc")


STATE, STARTED = 0, 19
"""Where the state and the start stand in ``/proc/PID/stat``, counted behind the name."""


DEAD = frozenset({"Z", "X"})


def acquire(redis: Redis, name: str, seconds: float) -> Lock | None:
    """The lock, for so many seconds and in this process's name, or None where somebody has it. Never waits."""
    token = _me()
    lock: Lock = redis.lock(name, timeout=seconds, thread_local=False)
    if not lock.acquire(blocking=False, token=token):
        return None
    redis.hset(HELD, name, token)
    return lock


def release(redis: Redis, lock: Lock) -> None:
    """Give it back; one that ran out, and that another may have by now, is left alone."""
    redis.hdel(HELD, str(lock.name))
    with suppress(LockError):
        lock.release()


def release_dead(redis: Redis) -> tuple[str, ...]:
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
