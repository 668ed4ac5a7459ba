"""Seal of a file of audit entries: its last line, which proves all lines before it.

The line names the end of the trail when the file was made, and carries a MAC that also covers the
SHA-256 of the lines before it (:mod:`jobs.storage.mac`).
"""

from __future__ import annotations

import hashlib

from jobs.runs.audit_chain import hash_of, number_of
from jobs.runs.run_store import RunStore
from jobs.storage import codec
from jobs.storage.mac import mac_of

SEALED = "sealed"
"""Name of the last line, which is no entry of the trail."""


def sealed(store: RunStore, lines: bytes) -> bytes:
    """Return the lines of a file, each with its line end, with the line that seals them."""
    end = store.audit.head().end
    told = {"what": SEALED, "entries": lines.count(b"\n"), "n": end.n, "hash": end.hash}
    return lines + store.authenticator.protect(_context(lines), codec.dump(told)) + b"\n"


def problem(store: RunStore, content: bytes) -> str:
    """Return why the file is not as this bot made it, as a sentence, or an empty string."""
    lines, seal = _parts(content)
    if not mac_of(seal):
        return "The file has no seal in its last line: its end was cut off, or an older version made it"
    if store.authenticator.verify(_context(lines), seal) is None:
        return (
            "The file is not as this bot made it: it was changed or cut, or the key that sealed it is"
            " no longer in ENCRYPTION_KEYS"
        )
    return ""


def missing(store: RunStore, content: bytes) -> str:
    """Return how the trail contradicts a file that is sealed, as a sentence, or an empty string.

    Entries that retention has removed are not missing.

    Raises:
        redis.RedisError: Redis is unreachable.
    """
    found, cleared = store.audit.verify(), store.audit.head().cleared.n
    kept = set(map(hash_of, store.audit.entries()))
    for line in content.splitlines():
        if cleared < number_of(line) and hash_of(line) not in kept:
            return (
                f"The trail in Redis was set back: it has no entry {number_of(line)} as in the file"
            )
    return f"The trail is broken at entry {found.broken_at}: {found.why}" if found.broken_at else ""


def _parts(content: bytes) -> tuple[bytes, bytes]:
    """Return the lines before the last one, and the last one without its line end."""
    lines, end, seal = content.removesuffix(b"\n").rpartition(b"\n")
    return lines + end, seal


def _context(lines: bytes) -> tuple[str, ...]:
    return "audit file", hashlib.sha256(lines).hexdigest()
