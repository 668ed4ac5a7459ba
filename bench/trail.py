"""Audit trail: seconds to read and to verify 50,000 entries.

All entries are verified, and then those from the last checkpoint. The entries are refusals, the
smallest that a stranger could have written. The Redis is a real one of its own. The target is under
2 s for each verification.
"""

from __future__ import annotations

import gc
import logging
import tempfile
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import TypeVar

from redis import Redis

from bench.table import table, verdict
from bench.webhook import until
from bot import logs
from bot.processes import redis_server
from jobs.runs.audit import Trail
from jobs.runs.audit_chain import AuditEntry, read
from jobs.runs.audit_entries import entry
from practice.ports import free_port

ENTRIES, AT_ONCE, NEWEST = 50_000, 1_000, 500
LONGEST_S = 2.0
KEY = "a key of this bench alone"
T = TypeVar("T")


def main() -> bool:
    """Write the entries to a Redis of its own, and time reading and verifying them.

    Return whether the target is met.
    """
    logs.configure("WARNING")
    logging.getLogger(logs.WITNESS).setLevel("CRITICAL")  # each entry is also a line of the log
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        server = redis_server.start(port, Path(folder))
        try:
            until(partial(redis_server.answers, port))
            with Redis(port=port) as redis:
                return _measure(redis)
        finally:
            redis_server.stop(server)


def _measure(redis: Redis) -> bool:
    trail = Trail(redis, [KEY])
    for first in range(0, ENTRIES - NEWEST, AT_ONCE):
        trail.add(*map(_refusal, range(first, min(first + AT_ONCE, ENTRIES - NEWEST))))
    trail.checkpoint()
    trail.add(*map(_refusal, range(ENTRIES - NEWEST, ENTRIES)))
    size = int(redis.memory_usage("audit:entries", samples=0) or 0)
    lines, fetched = _timed(trail.entries)
    entries, decoded = _timed(lambda: [read(line) for line in lines])
    tail, from_checkpoint = _timed(trail.verify)
    whole, full = _timed(lambda: trail.verify(full=True))
    rows: list[tuple[object, ...]] = [
        ("fetch every line from Redis", len(lines), fetched),
        ("decode every line", len(entries), decoded),
        ("verify from the checkpoint", tail.entries - tail.earlier, from_checkpoint),
        ("verify every entry", whole.entries, full),
    ]
    table(f"An audit trail of {ENTRIES} entries, {size / 1e6:.1f} MB", ("", "entries", "s"), rows)
    intact = (tail.broken_at, whole.broken_at, whole.entries) == (0, 0, ENTRIES)
    return all(
        [  # every line is printed
            verdict(f"the trail is whole, with {whole.entries} entries", intact),
            verdict(f"from the checkpoint in {from_checkpoint:.2f} s", from_checkpoint < LONGEST_S),
            verdict(f"every entry in {full:.2f} s", full < LONGEST_S),
        ]
    )


@cache
def _any_refusal() -> AuditEntry:
    """Return a refusal as the bot records it in the audit trail.

    The text of the refusal is searched for secrets once.
    """
    who = {"person": "p" * 79, "org": "o" * 78}
    return entry("refused", None, room="r" * 76, why="refused.organization", reference="REF", **who)


def _refusal(number: int) -> AuditEntry:
    return {**_any_refusal(), "by": f"mallory{number}@evil.example"}


def _timed(act: Callable[[], T]) -> tuple[T, float]:
    gc.collect()
    began = time.perf_counter()
    found = act()
    return found, time.perf_counter() - began
