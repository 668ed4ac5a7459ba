"""Search for a run's entries in the audit trail, from its sealed end back.

A run may change something only if the trail agrees with it (:mod:`jobs.runs.trust`), so the search
must be quick. It verifies that the entries belong to the chain, from the end back to the run's
first one, and not the whole trail.
"""

from __future__ import annotations

from collections.abc import Iterator

from redis import Redis

from jobs.runs.audit import Trail
from jobs.runs.audit_chain import AuditEntry, Mark, number_of, read, walk
from jobs.runs.run import Kind
from jobs.storage import codec, keys

SLICE = 500
"""Number of entries that are read from Redis at a time."""
TRIES = 3
"""Number of searches before it counts as proven that the run's first entry is not there.

Retention may move all entries during a search.
"""


def entries_of_run(redis: Redis, trail: Trail, run_id: str) -> list[AuditEntry]:
    """Return the run's believed entries, newest first, back to the one that opened it."""
    found: list[AuditEntry] = []
    for _ in range(TRIES):
        found.clear()
        for entry in believed(redis, trail):
            if entry.get("run") == run_id:
                found.append(entry)
                if entry.get("what") == Kind.OPENED:
                    return found
    return found


def believed(redis: Redis, trail: Trail) -> Iterator[AuditEntry]:
    """Yield the entries, newest first.

    It ends at the first entry that is not as the bot wrote it, or that says that the end was in
    doubt, because no entry before that is believed.
    """
    trail.look()
    expected = ""
    for line in _newest_first(redis, trail):
        entry = read(line)
        wrong, own = walk([line], Mark(number_of(line) - 1, str(entry.get("prev"))))
        if wrong or expected not in {"", own.hash}:
            return
        yield entry
        expected = str(entry["prev"])


def _newest_first(redis: Redis, trail: Trail) -> Iterator[bytes]:
    """Yield the entries, beginning with the sealed end; none if this bot has not sealed it."""
    with redis.pipeline() as pipe:
        pipe.get(keys.audit_head())
        pipe.llen(keys.audit_entries())
        pipe.lrange(keys.audit_entries(), -SLICE, -1)
        raw, length, lines = pipe.execute()
    if not lines or not trail.is_end(raw, lines[-1]):
        return
    yield from reversed(lines)
    for stop in range(length - SLICE, 0, -SLICE):
        older = redis.lrange(keys.audit_entries(), max(stop - SLICE, 0), stop - 1)
        yield from map(codec.as_bytes, reversed(older))
