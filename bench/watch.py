"""Benches of the watch (``make watch``), which is the bot's regular look at connected channels.

They are a simulated quarter, the named faults, and 500 channels every 15 minutes. The tables say
which parts of each are real. WATCH_DAYS, WATCH_CHANNELS, WATCH_TENANTS and WATCH_SEED choose
another size of the quarter.
"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from redis import Redis

from bench import watch_judge, watch_quarter
from bench.webhook import until
from bot import logs
from bot.processes import redis_server

DAYS, CHANNELS, TENANTS, SEED = 90, 12, 3, 1


def quarter() -> bool:
    """Simulate the quarter on a Redis of its own, and return whether the targets are met."""
    logs.configure("CRITICAL")
    sizes = (
        int(os.environ.get(f"WATCH_{name}", usual))
        for name, usual in (
            ("SEED", SEED),
            ("DAYS", DAYS),
            ("CHANNELS", CHANNELS),
            ("TENANTS", TENANTS),
        )
    )
    with own_redis() as redis:
        played = watch_quarter.simulate(redis, *sizes)
        return watch_judge.show(played, watch_judge.judge(played))


@contextmanager
def own_redis() -> Iterator[Redis]:
    """Start a Redis for this bench alone."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with tempfile.TemporaryDirectory() as folder:
        server = redis_server.start(port, Path(folder))
        try:
            until(partial(redis_server.answers, port))
            with Redis(port=port) as redis:
                yield redis
        finally:
            redis_server.stop(server)
