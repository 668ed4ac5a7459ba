"""Hash chain of the audit trail: its contents, and how changes without the key are detected."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from redis import Redis

from jobs.runs.audit import BEGINNING, DOUBTED, Trail, Verified, canonical, chained_hash, read

KEYS = ("new-key", "old-key")
AT = "2026-11-25T09:00:00+00:00"


@pytest.fixture
def trail(redis: Redis) -> Trail:
    """Return an audit trail of five entries."""
    made = Trail(redis, KEYS)
    made.add(
        *(
            {"at": AT, "what": "said", "value": value}
            for value in ("one", "two", "three", "four", "five")
        )
    )
    return made


def lines(redis: Redis) -> list[dict[str, Any]]:
    """Return the entries of the audit trail as Redis holds them."""
    return [read(line) for line in redis.lrange("audit:entries", 0, -1)]


def write(redis: Redis, entries: list[dict[str, Any]]) -> None:
    """Replace the entries, as an attacker with write access to Redis would."""
    redis.delete("audit:entries")
    redis.rpush("audit:entries", *map(canonical, entries))


def recomputed(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the entries with new numbers and hashes, which anybody can compute without the key."""
    prev, found = BEGINNING, []
    for n, entry in enumerate(entries, 1):
        fact = {name: value for name, value in entry.items() if name not in {"prev", "hash"}} | {
            "n": n
        }
        found.append({**fact, "prev": prev, "hash": chained_hash(prev, fact)})
        prev = str(found[-1]["hash"])
    return found


def test_each_entry_holds_the_hash_before_it(trail: Trail, redis: Redis):
    """Each hash is SHA-256 over the previous hash and the canonical JSON (docs/audit.md)."""
    first, second = lines(redis)[:2]
    fact = b'{"at":"2026-11-25T09:00:00+00:00","n":2,"value":"two","what":"said"}'
    assert second == {
        **json.loads(fact),
        "prev": first["hash"],
        "hash": hashlib.sha256(str(first["hash"]).encode() + fact).hexdigest(),
    }
    assert (first["prev"], trail.verify()) == (BEGINNING, Verified(5, AT))


def test_an_empty_trail_is_whole(redis: Redis):
    """An audit trail without entries is valid."""
    assert Trail(redis, KEYS).verify() == Verified(0)


def changed(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the entries with another value in the third one."""
    return [*entries[:2], entries[2] | {"value": "3"}, *entries[3:]]


TAMPERING: dict[str, tuple[Callable[[list[dict[str, Any]]], list[dict[str, Any]]], int]] = {
    "changed": (changed, 3),
    "changed, and its own hash with it": (lambda e: [*e[:2], recomputed(changed(e))[2], *e[3:]], 4),
    "changed, and every hash after it": (lambda e: recomputed(changed(e)), 5),
    "one left out": (lambda e: [*e[:1], *e[2:]], 2),
    "one left out, and every hash after it": (lambda e: recomputed([*e[:1], *e[2:]]), 5),
    "two exchanged": (lambda e: [e[0], e[2], e[1], *e[3:]], 2),
    "the end cut off": (lambda e: e[:3], 4),
    "everything but the first cut off": (lambda e: e[:1], 2),
    "one more, that fits": (
        lambda e: recomputed([*e, {"at": AT, "what": "said", "value": "six"}]),
        6,
    ),
    "no JSON": (lambda e: [*e[:3], {"value": 1}, *e[4:]], 4),
    "the first is another one": (lambda e: recomputed([{"what": "forged"}, *e[1:]]), 5),
}


@pytest.mark.parametrize("how", TAMPERING)
def test_what_is_altered_is_found(trail: Trail, redis: Redis, how: str):
    """Verification finds every change that a client of Redis can make without the key.

    It names the entry at which the chain is wrong.
    """
    alter, at = TAMPERING[how]
    write(redis, alter(lines(redis)))
    assert trail.verify().broken_at == at


@pytest.mark.parametrize("head", [None, b"{}", b"nonsense", b"\xff\x00", "forged", "another count"])
def test_the_end_cannot_be_sealed_without_the_key(trail: Trail, redis: Redis, head: Any):
    """Verification fails if the seal is missing, forged, or the old one with another count."""
    sealed = json.loads(redis.get("audit:head") or b"")
    end = {"forged": sealed | {"seal": "0" * 64}, "another count": sealed | {"n": 4}}
    write(redis, lines(redis)[:4] if head == "another count" else lines(redis))
    redis.delete("audit:head")
    if head is not None:
        redis.set("audit:head", json.dumps(end[head]) if isinstance(head, str) else head)
    assert trail.verify().broken_at > 0


def test_a_forgery_is_never_sealed_later(trail: Trail, redis: Redis):
    """After a forged end the bot adds an entry that records the doubt before it continues.

    The seal never covers the forged entries, so verification still fails at the entry of the doubt.
    """
    write(redis, recomputed(changed(lines(redis))))
    redis.set(
        "audit:head", json.dumps({"n": 5, "hash": lines(redis)[-1]["hash"], "seal": "0" * 64})
    )
    trail.add({"what": "later"})
    trail.add({"what": "later still"})
    assert [entry["what"] for entry in lines(redis)[5:]] == [DOUBTED, "later", "later still"]
    assert trail.verify().broken_at == 6


def test_a_trail_without_its_seal_is_doubted(trail: Trail, redis: Redis):
    """If the seal is deleted, the next entry follows an entry that records the doubt."""
    redis.delete("audit:head")
    trail.add({"what": "later"})
    assert [entry["what"] for entry in lines(redis)[5:]] == [DOUBTED, "later"]


def test_keys_are_rotated(trail: Trail, redis: Redis):
    """A seal of an older key is valid while that key is in the list.

    The next entry is sealed with the newest key.
    """
    rotated = Trail(redis, ("newest-key", *KEYS))
    assert rotated.verify() == Verified(5, AT, newest_key=False)
    rotated.add({"what": "later"})
    assert (rotated.verify(), trail.verify().broken_at) == (Verified(6, AT), 6)


def test_many_writers_make_one_chain(redis: Redis, redis_url: str):
    """Eight concurrent writers with their own connections neither lose nor duplicate an entry."""

    def work(writer: int) -> None:
        trail = Trail(Redis.from_url(redis_url), KEYS)
        for number in range(20):
            trail.add(
                {"at": AT, "what": f"{writer}/{number}"}, along=lambda pipe: pipe.incr("done")
            )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert sorted(entry["what"] for entry in lines(redis)) == sorted(
        f"{writer}/{number}" for writer in range(8) for number in range(20)
    )
    assert (Trail(redis, KEYS).verify(), redis.get("done")) == (Verified(160, AT), b"160")


def test_all_or_nothing(trail: Trail, redis: Redis):
    """If the commands ``along`` fail, no audit entry is written.

    Otherwise their results are returned.
    """

    def fails(pipe: Any) -> None:
        pipe.set("half", "1")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        trail.add({"what": "never"}, along=fails)
    assert (len(lines(redis)), redis.exists("half")) == (5, 0)
    assert trail.add({"what": "six"}, along=lambda pipe: pipe.incr("x")) == [1]


@pytest.mark.parametrize(
    "text",
    [
        "a\r\nb",
        "\x1b[31mred",
        "[x](https://evil.test)",
        "\u202eabc",
        "\x00",
        "\ud800",
        "${x}",
        '{"n":1}',
    ],
)
def test_no_text_breaks_a_line(redis: Redis, text: str):
    """An audit entry is one line of printable ASCII.

    Any text in an entry is read back unchanged.
    """
    trail = Trail(redis, KEYS)
    trail.add({"what": "said", "value": text})
    (line,) = trail.entries()
    assert (line.isascii(), line.decode().isprintable(), read(line)["value"]) == (True, True, text)
    assert trail.verify().broken_at == 0
