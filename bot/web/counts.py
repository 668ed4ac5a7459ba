"""Counts of a web process, added to Redis by a thread, so that no request waits for it."""

from __future__ import annotations

import os
import threading

from flask import Response
from redis import Redis

from jobs.storage.counters import COUNTERS, FLUSH_S


class CountsToRedis:
    """Starter of the thread that adds a process's counts to Redis.

    The thread starts after the first response of a process, because a server may fork after the
    import.
    """

    def __init__(self, redis: Redis, every_s: float = FLUSH_S) -> None:
        self._redis, self._every_s = redis, every_s
        self._lock = threading.Lock()
        self._process = 0
        self._stopped = threading.Event()

    def __call__(self, response: Response) -> Response:
        """Return the response as it is, and start the thread if this process has none."""
        if self._process != os.getpid():
            with self._lock:
                if self._process != os.getpid():
                    self._process = os.getpid()
                    threading.Thread(target=self._run, name="counts", daemon=True).start()
        return response

    def stop(self) -> None:
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.is_set():
            COUNTERS.flush(self._redis)
            self._stopped.wait(self._every_s)


def send_last_counts(redis: Redis) -> None:
    COUNTERS.flush(redis)
