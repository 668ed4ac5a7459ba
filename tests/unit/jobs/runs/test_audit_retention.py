"""Retention of the audit trail: which entries are removed, and how the rest is verified."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis

from jobs.clock import now
from jobs.runs.audit import CLEARED, DOUBTED, START, Trail, Verified, canonical, chained, read, walk
from jobs.storage import codec

KEYS = ("new-key", "old-key")
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
COUNT = 10
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def day(number: int) -> str:
    """Return the time of the entry with this number; the entries are one day apart."""
    return (BEGAN + timedelta(days=number)).isoformat()


@pytest.fixture
def trail(redis: Redis) -> Trail:
    """Return an audit trail of ten entries, one a day."""
    made = Trail(redis, KEYS)
    made.add(*({"at": day(n), "what": "said", "value": n} for n in range(1, COUNT + 1)))
    return made


def lines(redis: Redis) -> list[dict[str, Any]]:
    """Return the entries of the audit trail as Redis holds them."""
    return [read(line) for line in redis.lrange("audit:entries", 0, -1)]


def head(redis: Redis) -> dict[str, Any]:
    """Return the sealed head of the audit trail."""
    found: dict[str, Any] = json.loads(redis.get("audit:head") or b"")
    return found


def replaced(redis: Redis, number: int, value: str) -> None:
    """Change the value of an entry, as somebody with write access to Redis would."""
    entry = lines(redis)[number - 1] | {"value": value}
    redis.lset("audit:entries", number - 1, canonical(entry).decode())


FORGED: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "omitted": lambda e: {n: v for n, v in e.items() if n != "cleared"},
    "moved": lambda e: e | {"cleared": {"n": 5, "hash": e["end"]["hash"]}},
    "of another chain": lambda e: e | {"cleared": {"n": 4, "hash": "f" * 64}},
}


@pytest.mark.parametrize("how", FORGED)
def test_a_forged_removal_is_noticed(trail: Trail, redis: Redis, how: str):
    """The seal covers the removals, so nobody can change or omit them."""
    trail.clear(BEGAN + timedelta(days=5))
    redis.set("audit:head", codec.dump(FORGED[how](head(redis))))
    assert trail.verify().broken_at > 0
    trail.add({"what": "later"})
    assert lines(redis)[-2]["what"] == DOUBTED


def test_an_earlier_seal_is_no_start(redis: Redis):
    """If somebody deletes entries, an earlier seal cannot make them look removed by retention."""
    trail = Trail(redis, KEYS)
    trail.add(*({"at": day(n), "what": "said"} for n in range(1, 5)))
    early = head(redis)
    trail.add(*({"at": day(n), "what": "said"} for n in range(5, 9)))
    redis.ltrim("audit:entries", 4, -1)
    forged = head(redis) | {"cleared": early["end"], "mac": early["mac"]}
    redis.set("audit:head", codec.dump(forged))
    assert trail.verify().broken_at > 0


def test_old_entries_are_removed(trail: Trail, redis: Redis):
    """Retention removes old entries and adds an entry with their numbers and the last one's hash.

    The remaining entries can still be verified.
    """
    last = lines(redis)[5]
    assert trail.clear(BEGAN + timedelta(days=7)) == 6
    kept = lines(redis)
    assert [each["n"] for each in kept] == [7, 8, 9, 10, 11]
    assert kept[-1]["what"] == CLEARED
    assert kept[-1]["data"] == {
        "first": "1",
        "last": "6",
        "count": "6",
        "since": day(1),
        "until": day(6),
        "last_hash": last["hash"],
    }
    trail.add({"at": day(12), "what": "later"})
    assert trail.verify() == Verified(6, day(7))


def test_slices_are_removed_one_after_the_other(trail: Trail, redis: Redis):
    """Each call removes a bounded number of entries and leaves a valid audit trail."""
    removed = []
    while count := trail.clear(BEGAN + timedelta(days=9), most=3):
        removed.append((count, trail.verify().broken_at))
    assert removed == [(3, 0), (3, 0), (2, 0)]
    assert [each["what"] for each in lines(redis)] == ["said", "said", CLEARED, CLEARED, CLEARED]


def test_nothing_is_removed_for_its_own_sake(trail: Trail, redis: Redis):
    """Entries that only record a removal are kept, because removing them would add another one."""
    trail.clear(BEGAN + timedelta(days=99))
    assert (trail.clear(now() + timedelta(days=99)), len(lines(redis))) == (0, 1)


@pytest.mark.parametrize("number", [1, 3, 6])
def test_a_wrong_entry_is_never_removed(trail: Trail, redis: Redis, number: int):
    """Retention removes no entries if one of the old ones was changed."""
    replaced(redis, number, "another")
    assert trail.clear(BEGAN + timedelta(days=7)) == 0
    assert len(lines(redis)) == COUNT


@pytest.mark.parametrize("doubt", ["unsealed", "missing"])
def test_a_trail_in_doubt_is_left_alone(trail: Trail, redis: Redis, doubt: str):
    """Retention removes nothing if the seal is wrong or missing."""
    if doubt == "unsealed":
        redis.set("audit:head", json.dumps(head(redis) | {"seal": "0" * 64}))
    else:
        redis.delete("audit:head")
    before = lines(redis)
    assert (trail.clear(BEGAN + timedelta(days=99)), lines(redis)) == (0, before)


def test_entries_taken_away_after_a_removal(trail: Trail, redis: Redis):
    """If somebody deletes entries after retention has removed older ones, verification fails."""
    trail.clear(BEGAN + timedelta(days=4))
    redis.lpop("audit:entries")
    assert trail.verify().broken_at == 4


def test_the_end_of_a_trail_with_removed_entries(trail: Trail, redis: Redis):
    """If the seal is lost after a removal, the numbering of the entries continues.

    The next number is that of an entry that records the doubt.
    """
    trail.clear(BEGAN + timedelta(days=4))
    redis.delete("audit:head")
    trail.add({"what": "later"})
    assert [(each["n"], each["what"]) for each in lines(redis)[-2:]] == [
        (COUNT + 2, DOUBTED),
        (COUNT + 3, "later"),
    ]


def test_a_removal_while_everything_is_read(
    trail: Trail, redis: Redis, monkeypatch: pytest.MonkeyPatch
):
    """If retention removes entries during a verification, the verification starts over."""
    monkeypatch.setattr("jobs.runs.audit.SLICE", 3)
    read_lines, done = redis.lrange, []

    def meanwhile(*arguments: Any) -> Any:
        if len(done) == 1:
            Trail(redis, KEYS).clear(BEGAN + timedelta(days=5), most=4)
        done.append(arguments)
        return read_lines(*arguments)

    monkeypatch.setattr(redis, "lrange", meanwhile)
    assert trail.verify() == Verified(COUNT - 4 + 1, day(5))


@pytest.mark.slow
@settings(max_examples=25)
@given(facts=st.lists(st.dictionaries(st.text(), VALUES), max_size=4))
def test_any_entry_is_read_back(facts: list[dict[str, Any]]):
    """Entries with any data form a valid chain and are written again as the same bytes."""
    made = list(chained(START, facts))
    written = [canonical(entry) for entry in made]
    assert walk(written, START) == (0, type(START)(len(made), made[-1]["hash"]) if made else START)
    assert [canonical(read(line)) for line in written] == written


@pytest.mark.slow
@settings(max_examples=25)
@given(facts=st.lists(st.dictionaries(st.text(), VALUES), min_size=1, max_size=4), data=st.data())
def test_no_other_byte_follows(facts: list[dict[str, Any]], data: st.DataObject):
    """A line with one changed byte breaks the chain, unless the changed line means the same."""
    written = [canonical(entry) for entry in chained(START, facts)]
    number = data.draw(st.integers(0, len(written) - 1))
    line = bytearray(written[number])
    line[data.draw(st.integers(0, len(line) - 1))] ^= data.draw(st.integers(1, 127))
    changed = bytes(line)
    wrong, _ = walk([*written[:number], changed, *written[number + 1 :]], START)
    assert wrong == number + 1 or canonical(read(changed)) == written[number]
