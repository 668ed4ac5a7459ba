"""Audit trail: append-only entries in a hash chain, whose end is sealed with a key outside Redis.

``audit:entries`` is a list of JSON lines. Each line holds the SHA-256 of the previous hash and its
own canonical JSON, so no entry can be changed, moved or removed without breaking the chain.
``audit:head`` holds the last entry's number and hash under a MAC (:mod:`jobs.storage.vault`). An
attacker with write access to Redis alone can recompute the chain or cut off its end, but cannot seal
it. The same MAC covers the start, up to which retention has removed entries. docs/audit.md has more.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Any

import structlog
from redis import Redis
from redis.client import Pipeline

from jobs.clock import now, paced, parse
from jobs.runs.run import Kind
from jobs.storage import codec, keys
from jobs.storage.connection import in_transaction
from jobs.storage.vault import Authenticator

BEGINNING = "0" * 64
DOUBTED = "audit_doubted"
"""Name of the entry that is written if the trail's previous end is not sealed by the bot."""
LOST = "audit_lost"
"""Name of the entry that is written if the trail has lost its newest entries with Redis."""

AuditEntry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Mark:
    """Place in the chain: an entry's number and hash. Number 0 is the place before the first."""

    n: int = 0
    hash: str = BEGINNING


START = Mark()


@dataclass(frozen=True, slots=True)
class Head:
    """End of the trail, and the last entry that retention has removed, with all before it."""

    end: Mark = START
    cleared: Mark = START


def canonical(fact: AuditEntry | str) -> bytes:
    """Return canonical JSON, in which line ends and direction marks are six plain characters."""
    return json.dumps(fact, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def chained(end: Mark, facts: Iterable[AuditEntry]) -> list[AuditEntry]:
    entries, prev = list[AuditEntry](), end.hash
    for n, fact in enumerate(facts, end.n + 1):
        numbered, before = {**fact, "n": n}, prev
        content = before.encode("utf-8", "surrogatepass") + canonical(numbered)
        prev = hashlib.sha256(content).hexdigest()
        entries.append({**numbered, "prev": before, "hash": prev})
    return entries


def read(line: bytes) -> AuditEntry:
    for decode in (lambda raw: codec.load(raw, dict), json.loads):
        with suppress(ValueError, RecursionError):  # only json reads half a surrogate pair
            fact = decode(line)
            return fact if isinstance(fact, dict) else {}
    return {}


def walk(lines: Iterable[bytes], start: Mark) -> tuple[int, Mark]:
    """Return the number of the first broken entry, or 0, and the place of the last good entry."""
    # a line is canonical, so without its two links it is hashed as it is, and not encoded again
    place = start
    for line in lines:
        entry, content = read(line), line
        for link in (f'"hash":"{entry.get("hash")}",', f',"prev":"{entry.get("prev")}"'):
            content = content.replace(link.encode("utf-8", "surrogatepass"), b"", 1)
        before = place.hash.encode("utf-8", "surrogatepass")
        after = Mark(place.n + 1, hashlib.sha256(before + content).hexdigest())
        linked = (entry.get("n"), entry.get("prev"), entry.get("hash"))
        if linked != (after.n, place.hash, after.hash) or entry.get("what") == DOUBTED:
            return after.n, place
        place = after
    return 0, place


def hash_of(line: bytes) -> str:
    """Return the hash that a doubtful line names, or else the hash of the line itself."""
    return str(read(line).get("hash") or hashlib.sha256(line).hexdigest())


def number_of(line: bytes) -> int:
    number = read(line).get("n")
    return number if isinstance(number, int) else 0


CLEARED = "cleared"
SLICE = 5_000
NEWEST = 500
TRIES = 3
"""Searches before a run's first entry counts as gone: retention may move entries meanwhile."""
SETTLES = timedelta(seconds=paced(30))
"""Time after which Redis loses an entry no more: an append-only file loses only the last second."""
LATEST = 1_000
log = structlog.get_logger(__name__)

Along = Callable[[Pipeline], object]


@dataclass(frozen=True, slots=True)
class Verified:
    """State of the trail."""

    entries: int
    since: str = ""  # the time of the first entry
    broken_at: int = 0  # the first wrong entry, or 0
    why: str = ""
    newest_key: bool = True  # the first key seals it


class Memory:
    """Places in the chain that this process has seen: the newest one, and the newest settled one.

    They reveal that the trail was set back to an earlier end with its true seal.
    """

    def __init__(self) -> None:
        self.newest, self._settled = START, START
        self._waiting, self._since = START, datetime.min.replace(tzinfo=UTC)
        self._looked = self._since

    def saw(self, end: Mark, *, settled: bool = False) -> None:
        """Remember the end; with ``settled`` nothing that was seen before it is remembered."""
        moment = now()
        if settled or moment - self._since >= SETTLES:
            self._settled = end if settled else self._waiting
            self._waiting, self._since = end, moment
        self.newest, self._looked = end, moment

    def doubt(self, reader: Redis | Pipeline, head: Head) -> list[AuditEntry]:
        """Return the entry to add if the trail with this head lacks an entry that was seen.

        There is none if another process has added it since this one last looked. A settled entry
        can only be set back by somebody, and then no entry before the added one is believed.
        """

        def holds(mark: Mark) -> bool:
            if mark.n <= head.cleared.n or mark == head.end:
                return True
            line = reader.lindex(keys.audit_entries(), mark.n - head.end.n - 1)
            stored = read(codec.as_bytes(line or b"")).get("hash")
            return mark.n < head.end.n and stored == mark.hash

        if holds(self.newest):
            return []
        latest = map(codec.as_bytes, reader.lrange(keys.audit_entries(), -LATEST, -1))
        told = (each for each in map(read, latest) if each.get("what") in {DOUBTED, LOST})
        if any(str(each.get("at")) > self._looked.isoformat() for each in told):
            self.saw(head.end, settled=True)
            return []
        what = LOST if holds(self._settled) else DOUBTED
        data = {"entry": str(self.newest.n), "hash": self.newest.hash}
        return [{"at": now().isoformat(), "by": "bot", "what": what, "data": data}]


class Trail:
    """Audit trail in one Redis; ``encryption_keys`` are ENCRYPTION_KEYS, newest first."""

    def __init__(self, redis: Redis, encryption_keys: Sequence[str]) -> None:
        self._redis = redis
        self._authenticator = Authenticator(encryption_keys)
        self._memory = Memory()

    def add(
        self,
        *facts: AuditEntry,
        along: Along = lambda _: None,
        check: Along = lambda _: None,
        watched: Sequence[keys.Key] = (),
    ) -> None:
        """Add an entry for each fact and run ``along`` in one transaction.

        ``check`` reads the ``watched`` keys before, and raises an error if nothing may be written.
        """

        def attempt(pipe: Pipeline) -> list[AuditEntry]:
            check(pipe)
            head, doubt = self._end(pipe)
            entries = chained(head.end, [*doubt, *facts])
            pipe.multi()
            if entries:
                self._append(pipe, entries, head)
            along(pipe)
            return entries

        written = in_transaction(self._redis, attempt, keys.audit_head(), *watched)
        for entry in written:  # a record outside Redis
            what, run = entry.get("what"), entry.get("run")
            log.info("audit", n=entry["n"], what=what, run=run, hash=entry["hash"])
        if written:
            doubted = [entry for entry in written if entry.get("what") in {DOUBTED, LOST}]
            for entry in doubted:
                log.error("audit entries are missing", what=entry["what"], **entry.get("data", {}))
            self._memory.saw(_place_of(written[-1]), settled=bool(doubted))

    def look(self) -> None:
        """Record that the trail was set back; each verification names an end that is not sealed."""
        raw, _, head, _ = self._seen()
        if raw is not None and head is None:
            return
        head = head or Head()
        if self._memory.doubt(self._redis, head):
            self.add()
        else:
            self._memory.saw(head.end)

    def head(self) -> Head:
        return self._head(self._redis.get(keys.audit_head())) or Head()

    def entries(self) -> tuple[bytes, ...]:
        return tuple(map(codec.as_bytes, self._redis.lrange(keys.audit_entries(), 0, -1)))

    def verify(self) -> Verified:
        """Verify the chain from its first entry to the sealed end. Nothing is written."""
        raw, length, head, _ = self._seen()
        cleared, newest, why = (head or Head()).cleared, True, ""
        wrong, last = walk(self._lines(length), cleared)
        if self.head().cleared != cleared:
            # retention moves every entry to another place, so the wrong ones may have been read
            return self.verify()
        if wrong:
            why = "the entry is not as the bot wrote it, or one before it is missing"
        elif head is None:
            wrong, why = length, "the end is not sealed by this bot" if length or raw else ""
        elif last.n < head.end.n:
            wrong, why = last.n + 1, f"{head.end.n - last.n} entries are missing at the end"
        elif last.n > head.end.n:
            wrong, why = head.end.n + 1, "the entry was not written by this bot"
        elif last.hash != head.end.hash:
            wrong, why = last.n, "the sealed end is another one"
        else:
            newest = self._authenticator.renewed(keys.audit_head(), raw) == raw
        return Verified(length, self._since(), wrong, why, newest_key=newest)

    def clear(self, before: datetime, most: int = SLICE) -> int:
        """Remove up to ``most`` of the oldest entries from before a time; return how many.

        Only entries that continue the chain go, and an entry says which.
        """
        if not _is_before(self._since(), before):
            return 0

        def attempt(pipe: Pipeline) -> list[AuditEntry]:
            head = self._head(pipe.get(keys.audit_head()))
            if head is None:
                return []
            lines = list(map(codec.as_bytes, pipe.lrange(keys.audit_entries(), 0, most - 1)))
            old = list(takewhile(lambda each: _is_before(each.get("at"), before), map(read, lines)))
            wrong, end = walk(lines[: len(old)], head.cleared)
            pipe.multi()
            if wrong or all(each.get("what") == CLEARED for each in old):
                return []
            told = {"first": str(old[0]["n"]), "last": str(end.n), "last_hash": end.hash}
            told |= {"since": str(old[0]["at"]), "until": str(old[-1]["at"])}
            told |= {"count": str(len(old))}
            entry = {"at": now().isoformat(), "by": "bot", "what": CLEARED, "data": told}
            pipe.ltrim(keys.audit_entries(), len(old), -1)
            self._append(pipe, chained(head.end, [entry]), Head(cleared=end))
            return old

        removed = in_transaction(self._redis, attempt, keys.audit_head())
        if removed:
            log.info("audit entries removed", first=removed[0]["n"], last=removed[-1]["n"])
        return len(removed)

    def _seen(self, newest: int = 1) -> tuple[object, int, Head | None, list[bytes]]:
        """Return the stored head, the number of entries, the head if sealed, and newest entries."""
        with self._redis.pipeline() as pipe:
            pipe.get(keys.audit_head())
            pipe.llen(keys.audit_entries())
            pipe.lrange(keys.audit_entries(), -newest, -1)
            raw, length, lines = pipe.execute()
        return raw, length, self._head(raw), lines

    def _lines(self, length: int) -> Iterator[bytes]:
        for place in range(0, length, SLICE):
            last = min(place + SLICE, length) - 1
            yield from map(codec.as_bytes, self._redis.lrange(keys.audit_entries(), place, last))

    def _since(self) -> str:
        first = self._redis.lindex(keys.audit_entries(), 0)
        return str(read(codec.as_bytes(first)).get("at", "")) if first else ""

    def of_run(self, run_id: str) -> list[AuditEntry]:
        found: list[AuditEntry] = []
        for _ in range(TRIES):
            found.clear()
            for entry in self.believed():
                if entry.get("run") == run_id:
                    found.append(entry)
                    if entry.get("what") == Kind.OPENED:
                        return found
        return found

    def believed(self) -> Iterator[AuditEntry]:
        """Yield the entries, newest first, from the sealed end back.

        It ends at the first that is not as the bot wrote it, or that says that the end was in
        doubt. So the whole trail is not verified before a run may change something
        (:mod:`jobs.runs.trust`).
        """
        self.look()
        expected = ""
        for line in self._newest_first():
            entry = read(line)
            wrong, own = walk([line], Mark(number_of(line) - 1, str(entry.get("prev"))))
            if wrong or expected not in {"", own.hash}:
                return
            yield entry
            expected = str(entry["prev"])

    def _newest_first(self) -> Iterator[bytes]:
        _, length, head, lines = self._seen(NEWEST)
        if not lines or not head or hash_of(lines[-1]) != head.end.hash:
            return
        yield from reversed(lines)
        for stop in range(length - NEWEST, 0, -NEWEST):
            older = self._redis.lrange(keys.audit_entries(), max(stop - NEWEST, 0), stop - 1)
            yield from map(codec.as_bytes, reversed(older))

    def _end(self, pipe: Pipeline) -> tuple[Head, list[AuditEntry]]:
        """Return the head to continue from, and an entry that records doubt about it, if any."""
        raw = pipe.get(keys.audit_head())
        head = self._head(raw)
        lines = pipe.lrange(keys.audit_entries(), -1, -1)
        if head is not None or (not lines and raw is None):
            head = head or Head()
            return head, self._memory.doubt(pipe, head)
        last = codec.as_bytes(lines[0]) if lines else b""
        length = max(int(pipe.llen(keys.audit_entries())), number_of(last))
        end = Mark(length, hash_of(last) if lines else BEGINNING)
        return Head(end), [{"at": now().isoformat(), "what": DOUBTED}]

    def _head(self, raw: object) -> Head | None:
        return self._authenticator.load(keys.audit_head(), raw, Head)

    def _append(self, pipe: Pipeline, entries: list[AuditEntry], head: Head) -> None:
        pipe.rpush(keys.audit_entries(), *map(canonical, entries))
        sealed = replace(head, end=_place_of(entries[-1]))
        pipe.set(keys.audit_head(), self._authenticator.dump(keys.audit_head(), sealed))


def _place_of(entry: AuditEntry) -> Mark:
    return Mark(entry["n"], entry["hash"])


def _is_before(at: object, before: datetime) -> bool:
    when = parse(at)
    return when is not None and when < before
