"""Search for an entry of the audit trail, from its sealed end back to the entry.

An approval counts only with its entry (:mod:`jobs.engine.applier`), so the search must be quick. It
verifies that the entry belongs to the chain, from the end back to the entry, and not the whole
trail.
"""

from __future__ import annotations

from collections.abc import Iterator

from redis import Redis

from jobs.runs.audit import Trail
from jobs.runs.audit_chain import CHAIN, DOUBTED, AuditEntry, chained_hash, read
from jobs.storage import codec, keys

SLICE = 500
"""Number of entries that are read from Redis at a time."""
TRIES = 3
"""Number of searches before an entry counts as missing.

Retention may move all entries during a search.
"""


def is_recorded(redis: Redis, trail: Trail, known: AuditEntry) -> bool:
    """Return whether an entry with these values is in the trail, under this bot's seal.

    The search ends at the first entry that is not as the bot wrote it, or that says that the end
    was in doubt, because no entry before that is believed.
    """
    return any(_found(redis, trail, known) for _ in range(TRIES))


def _found(redis: Redis, trail: Trail, known: AuditEntry) -> bool:
    expected = ""
    for entry in map(read, _newest_first(redis, trail)):
        fact = {name: value for name, value in entry.items() if name not in CHAIN}
        own = chained_hash(str(entry.get("prev")), fact)
        if (expected or entry.get("hash")) != own or entry.get("what") == DOUBTED:
            return False
        if _holds(entry, known):
            return True
        expected = str(entry["prev"])
    return False


def _holds(entry: AuditEntry, known: AuditEntry) -> bool:
    """Return whether an entry has these values.

    A value that is an object may have more fields in the entry than in ``known``.
    """
    return all(
        entry.get(name) == value
        or (isinstance(value, dict) and value.items() <= (entry.get(name) or {}).items())
        for name, value in known.items()
    )


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
