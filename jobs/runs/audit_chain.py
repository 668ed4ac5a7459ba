"""Chain of the audit trail: each entry holds the SHA-256 of the previous hash and its text."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from jobs.storage import codec

BEGINNING = "0" * 64
DOUBTED = "audit_doubted"
"""Name of the entry that is written if the trail's previous end is not sealed by the bot."""
LOST = "audit_lost"
"""Name of the entry that is written if the trail has lost its newest entries with Redis."""
CHAIN = ("prev", "hash")

AuditEntry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Mark:
    """Place in the chain: an entry's number and hash. Number 0 is the place before the first."""

    n: int = 0
    hash: str = BEGINNING


START = Mark()


@dataclass(frozen=True, slots=True)
class Head:
    """End of the trail: the last entry's number and hash, and the seal over everything in it.

    ``cleared`` is the last entry that retention has removed, with all entries before it.
    """

    n: int
    hash: str
    seal: str
    cleared: Mark = START

    @property
    def end(self) -> Mark:
        """Return the place of the last entry in the chain."""
        return Mark(self.n, self.hash)

    @property
    def sealed_text(self) -> bytes:
        """Return the text under the seal.

        Without a removal, the text is that of a trail which has never had one.
        """
        told = (self.end, self.cleared) if self.cleared.n else (self.end,)
        return ":".join(f"{mark.n}:{mark.hash}" for mark in told).encode()


class _Link(msgspec.Struct):
    """Fields of an entry that make it a link of the chain."""

    n: int = 0
    prev: str = ""
    hash: str = ""
    what: str = ""


_LINK = msgspec.json.Decoder(_Link)
_ANY = msgspec.json.Decoder(dict[str, Any])


def canonical(fact: AuditEntry) -> bytes:
    """Return the canonical JSON of a fact: sorted names, no spaces, ASCII only.

    So line ends, escapes and direction marks are shown as six plain characters.
    """
    return json.dumps(fact, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def chained_hash(prev: str, fact: AuditEntry) -> str:
    """Return the SHA-256 of the previous hash and the canonical JSON, in hexadecimal."""
    return hashlib.sha256(prev.encode("utf-8", "surrogatepass") + canonical(fact)).hexdigest()


def chained(end: Mark, facts: Iterable[AuditEntry]) -> Iterable[AuditEntry]:
    """Yield the facts as the entries that follow a place in the chain."""
    prev = end.hash
    for n, fact in enumerate(facts, end.n + 1):
        numbered = {**fact, "n": n}
        entry = {**numbered, "prev": prev, "hash": chained_hash(prev, numbered)}
        prev = entry["hash"]
        yield entry


def read(line: bytes) -> AuditEntry:
    """Return an entry of the list, or an empty one if the line is not valid JSON."""
    try:
        return _ANY.decode(line)
    except (msgspec.DecodeError, RecursionError):
        pass  # half a surrogate pair, which a text may hold and only json reads
    try:
        fact = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return fact if isinstance(fact, dict) else {}


def walk(lines: Iterable[bytes], start: Mark) -> tuple[int, Mark]:
    """Return the number of the first broken entry, or 0, and the place of the last good entry."""
    place = start
    for line in lines:
        if not (found := _next_hash(line, place)):
            return place.n + 1, place
        place = Mark(place.n + 1, found)
    return 0, place


def _next_hash(line: bytes, before: Mark) -> str:
    """Return the hash of an entry that continues the chain as the bot wrote it, or else nothing.

    The bot's own line is its canonical JSON with two more fields. So without them it is hashed as
    it is, which saves decoding and encoding the whole entry. Any other line is decoded.
    """
    try:
        link = _LINK.decode(line)
    except msgspec.DecodeError:
        return _next_hash_decoded(line, before)
    if (link.n, link.prev) != (before.n + 1, before.hash) or link.what == DOUBTED:
        return ""
    fact = line
    for name, value in (("hash", link.hash), ("prev", link.prev)):
        fact = fact.replace(f'"{name}":"{value}",'.encode(), b"", 1)
    expected = hashlib.sha256(before.hash.encode() + fact).hexdigest()
    return expected if expected == link.hash else _next_hash_decoded(line, before)


def _next_hash_decoded(line: bytes, before: Mark) -> str:
    entry = read(line)
    fact = {name: value for name, value in entry.items() if name not in CHAIN}
    expected = chained_hash(before.hash, fact)
    link = (entry.get("n"), entry.get("prev"), entry.get("hash"))
    whole = link == (before.n + 1, before.hash, expected) and entry.get("what") != DOUBTED
    return expected if whole else ""


def read_head(raw: object) -> Head | None:
    """Return the head as it is in Redis, or None if it cannot be read."""
    try:
        return codec.load(raw, Head) if isinstance(raw, bytes) else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def hash_of(line: bytes) -> str:
    """Return the hash that a doubtful line names, or else the hash of the line itself."""
    return str(read(line).get("hash") or hashlib.sha256(line).hexdigest())


def number_of(line: bytes) -> int:
    """Return the number of a doubtful line, or 0 if it has none."""
    number = read(line).get("n")
    return number if isinstance(number, int) else 0
