"""Probe of the worker on this machine, for a container platform: ``worker --check``."""

from __future__ import annotations

import socket
import sys

from redis.exceptions import RedisError

from bot.queue import connect_for_web
from bot.queue.health import all_workers, not_handed_out

LOST = "No RQ worker of {host} has said in time that it lives."


def main(redis_url: str) -> int:
    """Return 0 if an RQ worker of this machine lives and its dispatcher hands out work, else 1.

    Each worker says so in Redis before its key expires, and a supervisor replaces dead workers. If
    Redis does not answer, nothing is known, and a new start would not help: the result is 0.
    """
    host = socket.gethostname()
    try:
        with connect_for_web(redis_url) as redis:
            workers, late = all_workers(redis), not_handed_out(redis, host)
    except RedisError as error:
        print(f"Nothing is known: Redis does not answer ({error}).", file=sys.stderr)  # noqa: T201
        return 0
    alive = sum(worker.hostname == host for worker in workers)
    told = f"{alive} RQ workers live." if alive else LOST.format(host=host)
    print(f"{told} On {host} {late}." if late else told)  # noqa: T201
    return 0 if alive and not late else 1
