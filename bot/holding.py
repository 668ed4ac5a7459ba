"""A lock that is renewed while the work lasts, however long Webex takes to answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis
from redis.exceptions import RedisError
from redis.lock import Lock

from jobs import locks

RENEWALS = 3
"""How often a lock is renewed within the time for which it was taken."""


class Hold:
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
def hold(redis: Redis, name: str, seconds: float) -> Iterator[Hold | None]:
    """Hold the lock within, or None where somebody else has it. It outlives a process that was killed by so many seconds."""
    lock = locks.take(redis, name, seconds)
    if lock is None:
        yield None
        return
    held, over = Hold(lock), threading.Event()
    renewing = threading.Thread(target=_renew, args=(held, over, seconds / RENEWALS), daemon=True)
    renewing.start()
    try:
        yield held
    finally:
        over.set()
        renewing.join()
        if not held.lost:
            locks.give(redis, lock)


def _renew(held: Hold, over: threading.Event, pause_s: float) -> None:
    while not over.wait(pause_s) and held.renew():
        pass
