"""Audit trail: append-only entries in a hash chain, whose end is sealed with a key outside Redis.

``audit:entries`` is a list of JSON lines. Each line holds the SHA-256 of the previous hash and its
own canonical JSON, so no entry can be changed, moved or removed without breaking the chain.
``audit:head`` holds the number of entries and the last hash under an HMAC, whose key is derived
from ENCRYPTION_KEYS. An attacker with write access to Redis alone can recompute the chain or cut
off its end, but cannot seal it. docs/audit.md has more.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import structlog
from redis import Redis
from redis.client import Pipeline

from jobs.clock import now
from jobs.storage import codec, keys
from jobs.storage.keys import Key

BEGINNING = "0" * 64
DOUBTED = "audit_doubted"
"""Name of the entry written when the previous end was not sealed by the bot."""
CHAIN = ("prev", "hash")
LABEL, LABEL_IN_LAYOUT_2 = b"audit trail: sealed events", b"audit trail"
"""Purposes of the seal's key. Data whose trail has the newer seal has protected events already."""
log = structlog.get_logger(__name__)

AuditEntry = dict[str, Any]
Along = Callable[[Pipeline], object]


@dataclass(frozen=True, slots=True)
class Head:
    """End of the trail: the number of entries, the last hash, and the seal over both."""

    n: int
    hash: str
    seal: str


@dataclass(frozen=True, slots=True)
class Verified:
    """Result of a verification.

    ``broken_at`` is the first entry that is not as the bot wrote it, or 0 if the trail is intact.
    ``why`` is the reason, for the operator. ``newest_key`` says that the end is sealed with the
    first of ENCRYPTION_KEYS.
    """

    entries: int
    since: str = ""
    broken_at: int = 0
    why: str = ""
    newest_key: bool = True


class Trail:
    """Audit trail in one Redis.

    ``encryption_keys`` are ENCRYPTION_KEYS, newest first. The first one seals, and any of them
    verifies.
    """

    def __init__(self, redis: Redis, encryption_keys: Sequence[str], label: bytes = LABEL) -> None:
        self._redis = redis
        self._keys = tuple(
            hmac.digest(key.encode(), label, "sha256") for key in encryption_keys
        ) or (b"",)

    def add(
        self,
        *facts: AuditEntry,
        along: Along = lambda _: None,
        check: Along = lambda _: None,
        watched: Sequence[Key] = (),
    ) -> list[object]:
        """Add an entry for each fact and run ``along`` in one transaction; return its Redis answers.

        If another writer interferes, the transaction is retried (WATCH). ``check`` reads the
        ``watched`` keys before it, and raises an error if nothing may be written.
        """
        written: list[AuditEntry] = []

        def attempt(pipe: Pipeline) -> None:
            check(pipe)
            head, doubt = self._end(pipe)
            written[:] = list(_chained(head, [*doubt, *facts]))
            pipe.multi()
            pipe.rpush(keys.audit_entries(), *map(canonical, written))
            pipe.set(
                keys.audit_head(),
                codec.dump(self._sealed(len(written) + head.n, str(written[-1]["hash"]))),
            )
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
        return answers

    def entries(self) -> tuple[bytes, ...]:
        """Return every line, oldest first."""
        return tuple(map(_bytes, self._redis.lrange(keys.audit_entries(), 0, -1)))

    def verify(self) -> Verified:
        """Verify the chain from the beginning to the sealed end."""
        with self._redis.pipeline() as both:
            both.lrange(keys.audit_entries(), 0, -1)
            both.get(keys.audit_head())
            lines, raw = both.execute()
        broken, last = _first_break(lines)
        since = str(read(lines[0]).get("at", "")) if lines else ""
        if broken:
            return Verified(
                len(lines),
                since,
                broken,
                "the entry is not as the bot wrote it, or one before it is missing",
            )
        head = _head(raw)
        if head is None:
            return (
                Verified(len(lines), since, len(lines), "the seal of the end is missing")
                if lines or raw
                else Verified(0)
            )
        key = self._key_of(head)
        at, why = (
            _end_break(head, len(lines), last)
            if key is not None
            else (len(lines), "the end is not sealed by this bot")
        )
        return Verified(len(lines), since, at, why, newest_key=key == 0)

    def is_end(self, raw: object, line: bytes) -> bool:
        """Return whether a head, as it is in Redis, was sealed by this bot with this line as the end."""
        head = _head(raw)
        return head is not None and self._key_of(head) is not None and _hash_of(line) == head.hash

    def take_over(self, older: Trail) -> None:
        """Seal the end of the trail that ``older``, a trail with an older seal's key, has sealed.

        Nothing is done if its end is not sealed by that key.
        """

        def attempt(pipe: Pipeline) -> None:
            head = _head(pipe.get(keys.audit_head()))
            pipe.multi()
            if head is not None and older._key_of(head) is not None:
                pipe.set(keys.audit_head(), codec.dump(self._sealed(head.n, head.hash)))

        self._redis.transaction(attempt, keys.audit_head())

    def _end(self, pipe: Pipeline) -> tuple[Head, list[AuditEntry]]:
        """Return the head to continue from, and an entry that records doubt if it is not sealed by the bot.

        Such an end is continued but never trusted: the entry records that permanently.
        """
        raw = pipe.get(keys.audit_head())
        head = _head(raw)
        if head is not None and self._key_of(head) is not None:
            return head, []
        lines = pipe.lrange(keys.audit_entries(), -1, -1)
        if not lines and raw is None:
            return Head(0, BEGINNING, ""), []
        length = int(pipe.llen(keys.audit_entries()))
        return Head(length, _hash_of(_bytes(lines[0])) if lines else BEGINNING, ""), [
            {"at": now().isoformat(), "what": DOUBTED}
        ]

    def _sealed(self, n: int, end: str) -> Head:
        return Head(n, end, self._seal(self._keys[0], n, end))

    def _key_of(self, head: Head) -> int | None:
        """Return the index of the key that the end is sealed with, or None."""
        fits = (
            hmac.compare_digest(self._seal(key, head.n, head.hash).encode(), head.seal.encode())
            for key in self._keys
        )
        return next((place for place, fit in enumerate(fits) if fit), None)

    def _seal(self, key: bytes, n: int, end: str) -> str:
        return hmac.new(key, f"{n}:{end}".encode(), hashlib.sha256).hexdigest()


def canonical(fact: AuditEntry) -> bytes:
    """Return the canonical JSON of a fact: sorted names, no spaces, ASCII only.

    So line ends, escapes and direction marks are shown as six plain characters.
    """
    return json.dumps(fact, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def chained_hash(prev: str, fact: AuditEntry) -> str:
    """Return the SHA-256 of the previous hash and the canonical JSON, in hexadecimal."""
    return hashlib.sha256(prev.encode("utf-8", "surrogatepass") + canonical(fact)).hexdigest()


def _chained(head: Head, facts: Iterable[AuditEntry]) -> Iterable[AuditEntry]:
    prev = head.hash
    for n, fact in enumerate(facts, head.n + 1):
        numbered = {**fact, "n": n}
        entry = {**numbered, "prev": prev, "hash": chained_hash(prev, numbered)}
        prev = entry["hash"]
        yield entry


def _first_break(lines: Sequence[bytes]) -> tuple[int, str]:
    """Return the number of the first entry that does not fit, or 0, and the last hash before it."""
    prev = BEGINNING
    for n, line in enumerate(lines, 1):
        entry = read(line)
        fact = {name: value for name, value in entry.items() if name not in CHAIN}
        expected = chained_hash(prev, fact)
        if (entry.get("n"), entry.get("prev"), entry.get("hash")) != (
            n,
            prev,
            expected,
        ) or entry.get("what") == DOUBTED:
            return n, prev
        prev = expected
    return 0, prev


def _end_break(head: Head, length: int, last: str) -> tuple[int, str]:
    if length < head.n:
        return length + 1, f"{head.n - length} entries are missing at the end"
    if length > head.n:
        return head.n + 1, "the entry was not written by this bot"
    return (0, "") if last == head.hash else (length, "the sealed end is another one")


def _head(raw: object) -> Head | None:
    try:
        return codec.load(raw, Head) if isinstance(raw, bytes) else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def read(line: bytes) -> AuditEntry:
    """Return an entry of the list, or an empty one if the line is not valid JSON."""
    try:
        fact = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return fact if isinstance(fact, dict) else {}


def _hash_of(line: bytes) -> str:
    """Return the hash of a doubtful line."""
    return str(read(line).get("hash") or hashlib.sha256(line).hexdigest())


def _bytes(raw: bytes | str) -> bytes:
    """Return a Redis answer as bytes, because redis-py's types leave the type open."""
    return raw if isinstance(raw, bytes) else raw.encode()
