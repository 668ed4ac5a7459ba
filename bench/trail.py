"""Audit trail: seconds to read and to verify 50,000 entries.

The entries are refusals, the smallest that a stranger could have written. The Redis is a real one
of its own. The target is under 2 s to verify.
"""

import gc
import logging
import time
from collections.abc import Callable
from functools import cache
from typing import TypeVar

from redis import Redis

from bench.many import own_redis
from bench.table import table, verdict
from bot import logs
from jobs.runs.audit import AuditEntry, Trail, read
from jobs.runs.event_log import entry
from practice.ports import free_port

ENTRIES, AT_ONCE = 50_000, 1_000
LONGEST_S = 2.0
KEY = "a key of this bench alone"
T = TypeVar("T")


def main() -> bool:
    """Write the entries to a Redis of its own, and time reading and verifying them.

    Return whether the target is met.
    """
    logs.configure("WARNING")
    logging.getLogger(logs.WITNESS).setLevel("CRITICAL")  # each entry is also a line of the log
    with own_redis(free_port()) as redis:
        return _measure(redis)


def _measure(redis: Redis) -> bool:
    trail = Trail(redis, [KEY])
    for first in range(0, ENTRIES, AT_ONCE):
        trail.add(*map(_refusal, range(first, first + AT_ONCE)))
    size = int(redis.memory_usage("audit:entries", samples=0) or 0)
    lines, fetched = _timed(trail.entries)
    entries, decoded = _timed(lambda: [read(line) for line in lines])
    whole, verified = _timed(trail.verify)
    rows: list[tuple[object, ...]] = [
        ("fetch every line from Redis", len(lines), fetched),
        ("decode every line", len(entries), decoded),
        ("verify every entry", whole.entries, verified),
    ]
    table(f"An audit trail of {ENTRIES} entries, {size / 1e6:.1f} MB", ("", "entries", "s"), rows)
    intact = (whole.broken_at, whole.entries) == (0, ENTRIES)
    return all(
        [  # every line is printed
            verdict(f"the trail is whole, with {whole.entries} entries", intact),
            verdict(f"every entry in {verified:.2f} s", verified < LONGEST_S),
        ]
    )


@cache
def _any_refusal() -> AuditEntry:
    """Return a refusal as the bot records it in the audit trail.

    The text of the refusal is searched for secrets once.
    """
    who = {"person": "p" * 79, "org": "o" * 78}
    return entry("refused", room="r" * 76, why="refused.organization", reference="REF", **who)


def _refusal(number: int) -> AuditEntry:
    return {**_any_refusal(), "by": f"mallory{number}@evil.example"}


def _timed(act: Callable[[], T]) -> tuple[T, float]:
    gc.collect()
    began = time.perf_counter()
    found = act()
    return found, time.perf_counter() - began
