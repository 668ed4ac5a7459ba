"""The audit trail: append-only, each entry chained to the one before it, and the end sealed with a key that is not in Redis.

``audit:entries`` is a list of JSON lines. Each holds the SHA-256 of the hash before it and of its own canonical JSON, so none can be
changed, moved or left out without a break. ``audit:head`` holds their number and the last hash under an HMAC whose key follows from
ENCRYPTION_KEYS: who can only write to Redis can compute the chain anew, or cut its end off, but cannot seal that. docs/audit.md has more.
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

BEGINNING = "0" * 64
DOUBTED = "audit_doubted"
"""What an entry says that was written although the end before it was not sealed by the bot."""
CHAIN = ("prev", "hash")
log = structlog.get_logger(__name__)

AuditEntry = dict[str, Any]
Along = Callable[[Pipeline], object]


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the trail: how many entries there are, the last one's hash, and the seal over both."""

    n: int
    hash: str
    seal: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What verifying found. ``broken_at`` is the first entry that is not as the bot wrote it, 0 where the trail is whole.

    ``why`` is for whoever runs the bot; ``newest_key`` says that the end is sealed with the first of ENCRYPTION_KEYS.
    """

    entries: int
    since: str = ""
    broken_at: int = 0
    why: str = ""
    newest_key: bool = True


class Trail:
    """The trail in one Redis. ``encryption_keys`` are ENCRYPTION_KEYS, newest first: sealed with the first, believed with any."""

    def __init__(self, redis: Redis, encryption_keys: Sequence[str]) -> None:
        self._redis = redis
        self._keys = tuple(hmac.digest(key.encode(), b"audit trail", "sha256") for key in encryption_keys) or (b"",)

    def add(self, *facts: AuditEntry, along: Along = lambda _: None) -> list[object]:
        """Add an entry for each fact, and do what comes ``along``, all at once; returns what Redis answered to that.

        Where somebody else writes at the same moment, it is tried again (WATCH).
        """
        written: list[AuditEntry] = []

        def attempt(pipe: Pipeline) -> None:
            head, doubt = self._end(pipe)
            written[:] = list(_chained(head, [*doubt, *facts]))
            pipe.multi()
            pipe.rpush(keys.audit_entries(), *map(canonical, written))
            pipe.set(keys.audit_head(), codec.dump(self._sealed(len(written) + head.n, str(written[-1]["hash"]))))
            along(pipe)

        _, _, *answers = self._redis.transaction(attempt, keys.audit_head()) or (None, None)
        for entry in written:  # a witness outside Redis
            log.info("audit", n=entry["n"], what=entry.get("what"), run=entry.get("run"), hash=entry["hash"])
        return answers

    def entries(self) -> tuple[bytes, ...]:
        """Every line, oldest first."""
        return tuple(map(_bytes, self._redis.lrange(keys.audit_entries(), 0, -1)))

    def verify(self) -> Verified:
        """Follow the chain from its beginning to the sealed end."""
        with self._redis.pipeline() as both:
            both.lrange(keys.audit_entries(), 0, -1)
            both.get(keys.audit_head())
            lines, raw = both.execute()
        broken, last = _first_break(lines)
        since = str(read(lines[0]).get("at", "")) if lines else ""
        if broken:
            return Verified(len(lines), since, broken, "the entry is not as the bot wrote it, or one before it is missing")
        head = _head(raw)
        if head is None:
            return Verified(len(lines), since, len(lines), "the seal of the end is missing") if lines or raw else Verified(0)
        key = self._key_of(head)
        at, why = _end_break(head, len(lines), last) if key is not None else (len(lines), "the end is not sealed by this bot")
        return Verified(len(lines), since, at, why, newest_key=key == 0)

    def _end(self, pipe: Pipeline) -> tuple[Head, list[AuditEntry]]:
        """Where to go on. An end that is not sealed by us is gone on from, but never believed: an entry says so for good."""
        raw = pipe.get(keys.audit_head())
        head = _head(raw)
        if head is not None and self._key_of(head) is not None:
            return head, []
        lines = pipe.lrange(keys.audit_entries(), -1, -1)
        if not lines and raw is None:
            return Head(0, BEGINNING, ""), []
        length = int(pipe.llen(keys.audit_entries()))
        return Head(length, _hash_of(_bytes(lines[0])) if lines else BEGINNING, ""), [{"at": now().isoformat(), "what": DOUBTED}]

    def _sealed(self, n: int, end: str) -> Head:
        return Head(n, end, self._seal(self._keys[0], n, end))

    def _key_of(self, head: Head) -> int | None:
        """Which of our keys the end is sealed with, or None."""
        fits = (hmac.compare_digest(self._seal(key, head.n, head.hash).encode(), head.seal.encode()) for key in self._keys)
        return next((place for place, fit in enumerate(fits) if fit), None)

    def _seal(self, key: bytes, n: int, end: str) -> str:
        return hmac.new(key, f"{n}:{end}".encode(), hashlib.sha256).hexdigest()


def canonical(fact: AuditEntry) -> bytes:
    """The one way to write a fact: sorted names, no spaces, ASCII only. So line ends, escapes and marks of direction are six plain characters."""
    return json.dumps(fact, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def chained_hash(prev: str, fact: AuditEntry) -> str:
    """SHA-256 over the hash before and the canonical JSON, in hexadecimal."""
    return hashlib.sha256(prev.encode("utf-8", "surrogatepass") + canonical(fact)).hexdigest()


def _chained(head: Head, facts: Iterable[AuditEntry]) -> Iterable[AuditEntry]:
    prev = head.hash
    for n, fact in enumerate(facts, head.n + 1):
        numbered = {**fact, "n": n}
        entry = {**numbered, "prev": prev, "hash": chained_hash(prev, numbered)}
        prev = entry["hash"]
        yield entry


def _first_break(lines: Sequence[bytes]) -> tuple[int, str]:
    """The number of the first entry that does not fit, or 0, and the last hash before that."""
    prev = BEGINNING
    for n, line in enumerate(lines, 1):
        entry = read(line)
        fact = {name: value for name, value in entry.items() if name not in CHAIN}
        expected = chained_hash(prev, fact)
        if (entry.get("n"), entry.get("prev"), entry.get("hash")) != (n, prev, expected) or entry.get("what") == DOUBTED:
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
    """An entry of the list; empty where somebody wrote something else there."""
    try:
        fact = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return fact if isinstance(fact, dict) else {}


def _hash_of(line: bytes) -> str:
    """The hash of a line that is in doubt."""
    return str(read(line).get("hash") or hashlib.sha256(line).hexdigest())


def _bytes(raw: bytes | str) -> bytes:
    """What Redis answered, as it is there; redis-py's types leave it open."""
    return raw if isinstance(raw, bytes) else raw.encode()
