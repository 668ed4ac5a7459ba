"""Audit trail: append-only entries in a hash chain, whose end is sealed with a key outside Redis.

``audit:entries`` is a list of JSON lines. Each line holds the SHA-256 of the previous hash and its
own canonical JSON, so no entry can be changed, moved or removed without breaking the chain.
``audit:head`` holds the last entry's number and hash under an HMAC, whose key is derived from
ENCRYPTION_KEYS. An attacker with write access to Redis alone can recompute the chain or cut off its
end, but cannot seal it. The same seal covers the checkpoint, up to which the chain was verified
before, and the start, up to which retention has removed entries. docs/audit.md has more.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import structlog
from redis import Redis
from redis.client import Pipeline

from jobs.clock import now
from jobs.runs.audit_chain import (
    BEGINNING,
    DOUBTED,
    LOST,
    START,
    AuditEntry,
    Head,
    Mark,
    canonical,
    chained,
    hash_of,
    number_of,
    read,
    read_head,
    walk,
)
from jobs.runs.audit_memory import Memory
from jobs.storage import codec, keys
from jobs.storage.keys import Key

CLEARED = "cleared"
"""Name of the audit entry that lists the older entries that retention has removed."""
LABEL = b"audit trail: sealed events"
"""Purpose of the keys that seal the audit trail."""
SLICE = 5_000
"""Number of entries that are read from Redis, or removed, at a time."""
log = structlog.get_logger(__name__)

Along = Callable[[Pipeline], object]


@dataclass(frozen=True, slots=True)
class Verified:
    """Result of a verification.

    ``broken_at`` is the first entry that is not as the bot wrote it, or 0 if the trail is intact.
    ``why`` is the reason, for the operator. ``newest_key`` says that the end is sealed with the
    first of ENCRYPTION_KEYS. ``earlier`` is the last entry that was verified before and not read
    now, or 0 if every entry was read. ``end`` is the sealed end, if the trail is intact.
    """

    entries: int
    since: str = ""
    broken_at: int = 0
    why: str = ""
    newest_key: bool = True
    earlier: int = 0
    end: Mark = field(default=START, compare=False)


@dataclass(frozen=True, slots=True)
class _Seen:
    """State of the trail at one moment: the head as it is in Redis, and the number of entries."""

    raw: object
    length: int
    head: Head | None
    key: int | None
    """Index of the key with which the head is sealed, or None if the bot has not sealed it."""

    @property
    def trusted(self) -> Head:
        """Return the head if the bot has sealed it, otherwise that of an empty trail."""
        return self.head if self.head and self.key is not None else Head(0, BEGINNING, "")


class Trail:
    """Audit trail in one Redis.

    ``encryption_keys`` are ENCRYPTION_KEYS, newest first. The first one seals, and any of them
    verifies.
    """

    def __init__(self, redis: Redis, encryption_keys: Sequence[str]) -> None:
        self._redis = redis
        self._keys = tuple(
            hmac.digest(key.encode(), LABEL, "sha256") for key in encryption_keys
        ) or (b"",)
        self._memory = Memory()

    def add(
        self,
        *facts: AuditEntry,
        along: Along = lambda _: None,
        check: Along = lambda _: None,
        watched: Sequence[Key] = (),
    ) -> list[object]:
        """Add an entry for each fact and run ``along`` in one transaction; return Redis' answers.

        If another writer interferes, the transaction is retried (WATCH). ``check`` reads the
        ``watched`` keys before the transaction, and raises an error if nothing may be written.
        """
        written: list[AuditEntry] = []

        def attempt(pipe: Pipeline) -> None:
            check(pipe)
            head, doubt = self._end(pipe)
            written[:] = list(chained(head.end, [*doubt, *facts]))
            pipe.multi()
            if written:
                pipe.rpush(keys.audit_entries(), *map(canonical, written))
                pipe.set(keys.audit_head(), codec.dump(self._sealed(_moved(head, written))))
            along(pipe)

        _, _, *answers = self._redis.transaction(attempt, keys.audit_head(), *watched) or (
            None,
            None,
        )
        for entry in written:  # a record outside Redis
            log.info(
                "audit",
                n=entry["n"],
                what=entry.get("what"),
                run=entry.get("run"),
                hash=entry["hash"],
            )
        if written:
            doubted = [entry for entry in written if entry.get("what") in {DOUBTED, LOST}]
            for entry in doubted:
                log.error("audit entries are missing", what=entry["what"], **entry.get("data", {}))
            end = Mark(written[-1]["n"], written[-1]["hash"])
            self._memory.saw(end, settled=bool(doubted))
        return answers

    def look(self) -> None:
        """Compare the trail with what this process has seen of it.

        If the trail was set back, an entry is added that says so. An end that this bot has not
        sealed is left alone, because every verification names it.
        """
        seen = self._seen()
        if seen.raw is not None and seen.key is None:
            return
        if self._memory.doubt(self._redis, seen.trusted):
            self.add()
        else:
            self._memory.saw(seen.trusted.end)

    def head(self) -> Head:
        """Return the sealed end, or that of an empty trail if this bot has not sealed it."""
        return self._seen().trusted

    def entries(self) -> tuple[bytes, ...]:
        """Return every line, oldest first."""
        return tuple(map(codec.as_bytes, self._redis.lrange(keys.audit_entries(), 0, -1)))

    def verify(self, *, full: bool = False) -> Verified:
        """Verify the chain from the last checkpoint to the sealed end.

        With ``full`` it is verified from the first entry, so that a change before the checkpoint is
        found, too. Nothing is written.
        """
        seen = self._seen()
        found = self._verified(seen, full=full)
        # retention moves every entry to another place in the list, so the wrong ones may have been read
        moved = self._seen().trusted.cleared != seen.trusted.cleared
        return self.verify(full=full) if moved else found

    def checkpoint(self) -> Verified:
        """Verify the chain from the last checkpoint, and make its end the new one if intact."""
        self.look()
        found = self.verify()

        def attempt(pipe: Pipeline) -> None:
            head = read_head(pipe.get(keys.audit_head()))
            pipe.multi()
            if head and self._key_of(head) is not None and head.checked.n < found.end.n <= head.n:
                pipe.set(
                    keys.audit_head(), codec.dump(self._sealed(replace(head, checked=found.end)))
                )

        if not found.broken_at:
            self._redis.transaction(attempt, keys.audit_head())
        return found

    def examine(self) -> Verified:
        """Verify every entry.

        If one is wrong that only this verification finds, the trail is marked as doubted, so that
        every later verification names it.
        """
        self.look()
        found = self.verify(full=True)
        if found.broken_at and not self.verify().broken_at:
            self.add(
                {
                    "at": now().isoformat(),
                    "what": DOUBTED,
                    "data": {"entry": str(found.broken_at), "why": found.why},
                }
            )
        return found

    def clear(self, before: datetime, most: int = SLICE) -> int:
        """Remove up to ``most`` of the oldest entries that are from before a time; return how many.

        Only verified entries are removed, and none of a trail whose end is in doubt. An entry says
        which ones were removed, and the seal covers the place up to which they were.
        """
        removed: list[AuditEntry] = []
        if not _is_before(self._since(), before):
            return 0

        def attempt(pipe: Pipeline) -> None:
            removed.clear()
            head = read_head(pipe.get(keys.audit_head()))
            if head is None or self._key_of(head) is None:
                pipe.multi()
                return
            reach = max(min(most, head.checked.n - head.cleared.n), 0)
            lines = [codec.as_bytes(raw) for raw in pipe.lrange(keys.audit_entries(), 0, reach)][
                :reach
            ]
            old = list(_older(lines, before))
            wrong, end = walk(lines[: len(old)], head.cleared)
            pipe.multi()
            if wrong or all(each.get("what") == CLEARED for each in old):
                return
            removed[:] = old
            told = _removal(old, end)
            written = list(chained(head.end, [told]))
            pipe.ltrim(keys.audit_entries(), len(old), -1)
            pipe.rpush(keys.audit_entries(), *map(canonical, written))
            moved = replace(_moved(head, written), cleared=end)
            pipe.set(keys.audit_head(), codec.dump(self._sealed(moved)))

        self._redis.transaction(attempt, keys.audit_head())
        if removed:
            log.info("audit entries removed", first=removed[0]["n"], last=removed[-1]["n"])
        return len(removed)

    def _seen(self) -> _Seen:
        with self._redis.pipeline() as both:
            both.get(keys.audit_head())
            both.llen(keys.audit_entries())
            raw, length = both.execute()
        head = read_head(raw)
        return _Seen(raw, length, head, self._key_of(head) if head else None)

    def _verified(self, read: _Seen, *, full: bool) -> Verified:
        head = read.trusted
        start = head.cleared if full else max(head.checked, head.cleared, key=lambda mark: mark.n)
        wrong, last = walk(self._lines(start.n - head.cleared.n, read.length), start)
        known = Verified(
            read.length, self._since(), earlier=start.n if start.n > head.cleared.n else 0
        )
        if wrong:
            why = "the entry is not as the bot wrote it, or one before it is missing"
            return replace(known, broken_at=wrong, why=why)
        if read.head is None:
            found = bool(read.length or read.raw)
            why = "the seal of the end is missing" if found else ""
            return replace(known, broken_at=read.length, why=why)
        at, why = (
            _end_break(head, last)
            if read.key is not None
            else (read.length, "the end is not sealed by this bot")
        )
        return replace(known, broken_at=at, why=why, newest_key=read.key == 0, end=head.end)

    def _lines(self, first: int, length: int) -> Iterator[bytes]:
        """Yield the lines from a place of the list to its end as it was, a slice at a time."""
        for place in range(max(first, 0), length, SLICE):
            last = min(place + SLICE, length) - 1
            yield from map(codec.as_bytes, self._redis.lrange(keys.audit_entries(), place, last))

    def _since(self) -> str:
        first = self._redis.lindex(keys.audit_entries(), 0)
        return str(read(codec.as_bytes(first)).get("at", "")) if first else ""

    def is_end(self, raw: object, line: bytes) -> bool:
        """Return whether this bot sealed a head, as it is in Redis, with this line as the end."""
        head = read_head(raw)
        return head is not None and self._key_of(head) is not None and hash_of(line) == head.hash

    def reseal(self) -> None:
        """Seal the end with the first key; do nothing if none of the keys has sealed it."""

        def attempt(pipe: Pipeline) -> None:
            head = read_head(pipe.get(keys.audit_head()))
            pipe.multi()
            if head is not None and self._key_of(head) is not None:
                pipe.set(keys.audit_head(), codec.dump(self._sealed(head)))

        self._redis.transaction(attempt, keys.audit_head())

    def _end(self, pipe: Pipeline) -> tuple[Head, list[AuditEntry]]:
        """Return the head to continue from, and an entry that records doubt about it, if any.

        A head that the bot has not sealed, or that is older than what this process has seen, is
        continued but never trusted: the entry records that permanently.
        """
        raw = pipe.get(keys.audit_head())
        head = read_head(raw)
        if head is not None and self._key_of(head) is not None:
            return head, self._memory.doubt(pipe, head)
        lines = pipe.lrange(keys.audit_entries(), -1, -1)
        if not lines and raw is None:
            head = Head(0, BEGINNING, "")
            return head, self._memory.doubt(pipe, head)
        last = codec.as_bytes(lines[0]) if lines else b""
        length = max(int(pipe.llen(keys.audit_entries())), number_of(last))
        return Head(length, hash_of(last) if lines else BEGINNING, ""), [
            {"at": now().isoformat(), "what": DOUBTED}
        ]

    def _sealed(self, head: Head) -> Head:
        return replace(head, seal=_seal(self._keys[0], head))

    def _key_of(self, head: Head) -> int | None:
        """Return the index of the key that the end is sealed with, or None."""
        fits = (
            hmac.compare_digest(_seal(key, head).encode(), head.seal.encode()) for key in self._keys
        )
        return next((place for place, fit in enumerate(fits) if fit), None)


def _moved(head: Head, written: Sequence[AuditEntry]) -> Head:
    """Return the head after some more entries, not sealed yet."""
    return replace(head, n=head.n + len(written), hash=str(written[-1]["hash"]))


def _end_break(head: Head, last: Mark) -> tuple[int, str]:
    if last.n < head.n:
        return last.n + 1, f"{head.n - last.n} entries are missing at the end"
    if last.n > head.n:
        return head.n + 1, "the entry was not written by this bot"
    return (0, "") if last.hash == head.hash else (last.n, "the sealed end is another one")


def _older(lines: Iterable[bytes], before: datetime) -> Iterator[AuditEntry]:
    """Yield the entries from before the time, up to the first one that is not."""
    for line in lines:
        entry = read(line)
        if not _is_before(str(entry.get("at")), before):
            return
        yield entry


def _is_before(at: str, before: datetime) -> bool:
    """Return whether the time ``at`` is before ``before``, or False if it cannot be read."""
    try:
        when = datetime.fromisoformat(at)
    except ValueError:
        return False
    return (when if when.tzinfo else when.replace(tzinfo=UTC)) < before


def _removal(old: Sequence[AuditEntry], end: Mark) -> AuditEntry:
    """Return the entry for removed entries: which they were, from when, and the last one's hash."""
    spans = {"first": str(old[0]["n"]), "last": str(end.n), "count": str(len(old))}
    times = {"since": str(old[0]["at"]), "until": str(old[-1]["at"]), "last_hash": end.hash}
    return {"at": now().isoformat(), "by": "bot", "what": CLEARED, "data": spans | times}


def _seal(key: bytes, head: Head) -> str:
    return hmac.new(key, head.sealed_text, hashlib.sha256).hexdigest()
