"""Chain of the audit trail: each entry holds the SHA-256 of the previous hash and its text."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

BEGINNING = "0" * 64
DOUBTED = "audit_doubted"
"""Name of the entry that is written if the trail's previous end is not sealed by the bot."""
CHAIN = ("prev", "hash")

AuditEntry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Mark:
    """Place in the chain: an entry's number and hash. Number 0 is the place before the first."""

    n: int = 0
    hash: str = BEGINNING


START = Mark()


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
