"""Hash chain of the audit trail: its contents, and how changes without the key are detected."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings, strategies as st
from redis import Redis

from jobs import advance
from jobs.clock import now
from jobs.model import Account, Text
from jobs.next_action import next_action
from jobs.runs import audit
from jobs.runs.audit import DOUBTED, START, Trail, Verified, canonical, chained, read
from jobs.runs.run import Event, Kind, Origin
from jobs.runtime import install
from jobs.storage import codec, keys
from tests.fixtures.queue_state import claimed

KEYS = ("new-key", "old-key")
AT = "2026-11-25T09:00:00+00:00"


@pytest.fixture
def trail(redis) -> Trail:
    """Return an audit trail of five entries."""
    made, values = Trail(redis, KEYS), ("one", "two", "three", "four", "five")
    assert (made.verify(), made.clear(now())) == (Verified(0), 0)
    made.add(*({"at": AT, "what": "said", "value": value} for value in values))
    return made


def lines(redis: Redis):
    """Return the entries of the audit trail as Redis holds them."""
    return [read(line) for line in redis.lrange("audit:entries", 0, -1)]


def write(redis: Redis, entries) -> None:
    """Replace the entries, as an attacker with write access to Redis would."""
    redis.delete("audit:entries")
    redis.rpush("audit:entries", *map(canonical, entries))


def recomputed(entries):
    """Return the entries with new numbers and hashes, which anybody can compute without the key."""
    facts = [{n: v for n, v in each.items() if n not in {"prev", "hash"}} for each in entries]
    return list(chained(START, facts))


def test_each_entry_holds_the_hash_before_it(trail, redis):
    """Each hash is SHA-256 over the previous hash and the canonical JSON (docs/audit.md)."""
    first, second = lines(redis)[:2]
    fact = b'{"at":"2026-11-25T09:00:00+00:00","n":2,"value":"two","what":"said"}'
    own = hashlib.sha256(str(first["hash"]).encode() + fact).hexdigest()
    assert second == {**json.loads(fact), "prev": first["hash"], "hash": own}
    assert (first["prev"], trail.verify()) == (audit.BEGINNING, Verified(5, AT))


def changed(entries):
    """Return the entries with another value in the third one."""
    return [*entries[:2], entries[2] | {"value": "3"}, *entries[3:]]


TAMPERING = {
    "changed": (changed, 3),
    "changed, and its own hash with it": (lambda e: [*e[:2], recomputed(changed(e))[2], *e[3:]], 4),
    "changed, and every hash after it": (lambda e: recomputed(changed(e)), 5),
    "one left out": (lambda e: [*e[:1], *e[2:]], 2),
    "one left out, and every hash after it": (lambda e: recomputed([*e[:1], *e[2:]]), 5),
    "two exchanged": (lambda e: [e[0], e[2], e[1], *e[3:]], 2),
    "the end cut off": (lambda e: e[:3], 4),
    "everything but the first cut off": (lambda e: e[:1], 2),
    "one more, that fits": (lambda e: recomputed([*e, {"at": AT, "what": "six"}]), 6),
    "no JSON": (lambda e: [*e[:3], {"value": 1}, *e[4:]], 4),
    "the first is another one": (lambda e: recomputed([{"what": "forged"}, *e[1:]]), 5),
}


@pytest.mark.parametrize("how", TAMPERING)
def test_what_is_altered_is_found(trail, redis, how):
    """Verification finds every change that a client of Redis can make without the key.

    It names the entry at which the chain is wrong.
    """
    alter, at = TAMPERING[how]
    write(redis, alter(lines(redis)))
    assert trail.verify().broken_at == at


@pytest.mark.parametrize("head", [None, b"{}", b"nonsense", b"\xff\x00", "forged", "another count"])
def test_the_end_cannot_be_sealed_without_the_key(trail, redis, head):
    """Verification fails if the seal is missing, forged, or the old one with another count."""
    sealed, fourth = json.loads(redis.get("audit:head") or b""), lines(redis)[3]
    shorter = sealed | {"end": {"n": 4, "hash": fourth["hash"]}}
    end = {"forged": sealed | {"mac": "0" * 64}, "another count": shorter}
    write(redis, lines(redis)[:4] if head == "another count" else lines(redis))
    redis.delete("audit:head")
    if head is not None:
        redis.set("audit:head", codec.dump(end[head]) if isinstance(head, str) else head)
    assert trail.verify().broken_at > 0


def test_a_forgery_is_never_sealed_later(trail, redis):
    """After a forged end the bot adds an entry that records the doubt before it continues.

    The seal never covers the forged entries, so verification still fails at the entry of the doubt.
    """
    write(redis, recomputed(changed(lines(redis))))
    end = {"n": 5, "hash": lines(redis)[-1]["hash"]}
    redis.set("audit:head", codec.dump({"end": end, "mac": "0" * 64}))
    trail.add({"what": "later"})
    trail.add({"what": "later still"})
    assert [entry["what"] for entry in lines(redis)[5:]] == [DOUBTED, "later", "later still"]
    assert trail.verify().broken_at == 6


def test_keys_are_rotated(trail, redis):
    """A seal of an older key is valid while that key is in the list.

    The next entry is sealed with the newest key.
    """
    rotated = Trail(redis, ("newest-key", *KEYS))
    assert rotated.verify() == Verified(5, AT, newest_key=False)
    rotated.add({"what": "later"})
    assert (rotated.verify(), trail.verify().broken_at) == (Verified(6, AT), 6)


@pytest.mark.slow
def test_many_writers_make_one_chain(redis, redis_url):
    """Eight concurrent writers with their own connections neither lose nor duplicate an entry."""

    def work(writer: int) -> None:
        trail = Trail(Redis.from_url(redis_url), KEYS)
        for number in range(20):
            fact = {"at": AT, "what": f"{writer}/{number}"}
            trail.add(fact, along=lambda pipe: pipe.incr("done"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    wanted = {f"{writer}/{number}" for writer in range(8) for number in range(20)}
    assert {entry["what"] for entry in lines(redis)} == wanted
    assert (Trail(redis, KEYS).verify(), redis.get("done")) == (Verified(160, AT), b"160")


def test_all_or_nothing(trail, redis):
    """If the commands ``along`` fail, no audit entry is written."""

    def fails(pipe) -> None:
        pipe.set("half", "1")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        trail.add({"what": "never"}, along=fails)
    assert (len(lines(redis)), redis.exists("half")) == (5, 0)
    trail.add({"what": "six"}, along=lambda pipe: pipe.incr("x"))
    assert (len(lines(redis)), redis.get("x")) == (6, b"1")


ODD = ("a\r\nb", "\x1b[31mred", "[x](https://evil.test)", "\u202eabc", "\x00", "\ud800", '{"n":1}')


@pytest.mark.parametrize("text", ODD)
def test_no_text_breaks_a_line(redis, text):
    """An audit entry is one line of printable ASCII.

    Any text in an entry is read back unchanged.
    """
    trail = Trail(redis, KEYS)
    trail.add({"what": "said", "value": text})
    (line,) = trail.entries()
    assert (line.isascii(), line.decode().isprintable(), read(line)["value"]) == (True, True, text)
    assert trail.verify().broken_at == 0


BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
COUNT = 10
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
FACT = st.dictionaries(st.text().filter(lambda name: name not in {"prev", "hash"}), VALUES)


def day(number: int) -> str:
    """Return the time of the entry with this number; the entries are one day apart."""
    return (BEGAN + timedelta(days=number)).isoformat()


def said(numbers):
    """Return entries that are one day apart."""
    return [{"at": day(n), "what": "said", "value": n} for n in numbers]


@pytest.fixture
def long_trail(redis) -> Trail:
    """Return an audit trail of ten entries, one a day."""
    made = Trail(redis, KEYS)
    made.add(*said(range(1, COUNT + 1)))
    return made


def head(redis: Redis):
    """Return the sealed head of the audit long_trail."""
    return json.loads(redis.get("audit:head") or b"")


FORGED = {
    "omitted": lambda e: {n: v for n, v in e.items() if n != "cleared"},
    "moved": lambda e: e | {"cleared": {"n": 5, "hash": e["end"]["hash"]}},
    "of another chain": lambda e: e | {"cleared": {"n": 4, "hash": "f" * 64}},
}


@pytest.mark.parametrize("how", FORGED)
def test_a_forged_removal_is_noticed(long_trail, redis, how):
    """The seal covers the removals, so nobody can change or omit them."""
    long_trail.clear(BEGAN + timedelta(days=5))
    redis.set("audit:head", codec.dump(FORGED[how](head(redis))))
    assert long_trail.verify().broken_at > 0
    long_trail.add({"what": "later"})
    assert lines(redis)[-2]["what"] == DOUBTED


def test_an_earlier_seal_is_no_start(redis):
    """If somebody deletes entries, an earlier seal cannot make them look removed by retention."""
    long_trail = Trail(redis, KEYS)
    long_trail.add(*said(range(1, 5)))
    early = head(redis)
    long_trail.add(*said(range(5, 9)))
    redis.ltrim("audit:entries", 4, -1)
    forged = head(redis) | {"cleared": early["end"], "mac": early["mac"]}
    redis.set("audit:head", codec.dump(forged))
    assert long_trail.verify().broken_at > 0


def test_old_entries_are_removed(long_trail, redis):
    """Retention removes old entries and adds an entry with their numbers and the last one's hash.

    The remaining entries can still be verified, and a missing one is noticed.
    """
    last = lines(redis)[5]["hash"]
    assert long_trail.clear(BEGAN + timedelta(days=7)) == 6
    kept = lines(redis)
    assert [each["n"] for each in kept] == [7, 8, 9, 10, 11]
    told = {"first": "1", "last": "6", "count": "6", "since": day(1), "until": day(6)}
    assert (kept[-1]["what"], kept[-1]["data"]) == (audit.CLEARED, told | {"last_hash": last})
    long_trail.add({"at": day(12), "what": "later"})
    assert long_trail.verify() == Verified(6, day(7))
    redis.lpop("audit:entries")
    assert long_trail.verify().broken_at == 7


def test_slices_are_removed_one_after_the_other(long_trail, redis):
    """Each call removes a bounded number of entries and leaves a valid audit long_trail."""
    removed = []
    while count := long_trail.clear(BEGAN + timedelta(days=9), most=3):
        removed.append((count, long_trail.verify().broken_at))
    assert removed == [(3, 0), (3, 0), (2, 0)]
    assert [each["what"] for each in lines(redis)] == [
        "said",
        "said",
        audit.CLEARED,
        audit.CLEARED,
        audit.CLEARED,
    ]


def test_nothing_is_removed_for_its_own_sake(long_trail, redis):
    """Entries that only record a removal are kept, because removing them would add another one."""
    long_trail.clear(BEGAN + timedelta(days=99))
    assert (long_trail.clear(now() + timedelta(days=99)), len(lines(redis))) == (0, 1)


@pytest.mark.parametrize("doubt", [1, 3, 6, "unsealed", "missing"])
def test_a_trail_in_doubt_is_left_alone(long_trail, redis, doubt):
    """Retention removes nothing if an old entry was changed, or if the seal is wrong or missing."""
    if isinstance(doubt, int):
        entry = lines(redis)[doubt - 1] | {"value": "another"}
        redis.lset("audit:entries", doubt - 1, canonical(entry).decode())
    elif doubt == "unsealed":
        redis.set("audit:head", codec.dump(head(redis) | {"mac": "0" * 64}))
    else:
        redis.delete("audit:head")
    before = lines(redis)
    assert (long_trail.clear(BEGAN + timedelta(days=7)), lines(redis)) == (0, before)


def test_the_end_of_a_trail_with_removed_entries(long_trail, redis):
    """If the seal is lost after a removal, the numbering of the entries continues.

    The next number is that of an entry that records the doubt.
    """
    long_trail.clear(BEGAN + timedelta(days=4))
    redis.delete("audit:head")
    long_trail.add({"what": "later"})
    told = [(each["n"], each["what"]) for each in lines(redis)[-2:]]
    assert told == [(COUNT + 2, DOUBTED), (COUNT + 3, "later")]


def test_a_removal_while_everything_is_read(long_trail, redis, monkeypatch):
    """If retention removes entries during a verification, the verification starts over."""
    monkeypatch.setattr("jobs.runs.audit.SLICE", 3)
    read_lines, done = redis.lrange, []

    def meanwhile(*arguments):
        if len(done) == 1:
            Trail(redis, KEYS).clear(BEGAN + timedelta(days=5), most=4)
        done.append(arguments)
        return read_lines(*arguments)

    monkeypatch.setattr(redis, "lrange", meanwhile)
    assert long_trail.verify() == Verified(COUNT - 4 + 1, day(5))


@pytest.mark.slow
@settings(max_examples=25)
@given(facts=st.lists(FACT, max_size=4))
def test_any_entry_is_read_back(facts):
    """Entries with any data form a valid chain and are written again as the same bytes."""
    made = list(chained(START, facts))
    written = [canonical(entry) for entry in made]
    assert audit.walk(written, START) == (
        0,
        type(START)(len(made), made[-1]["hash"]) if made else START,
    )
    assert [canonical(read(line)) for line in written] == written


@pytest.mark.slow
@settings(max_examples=25)
@given(facts=st.lists(FACT, min_size=1, max_size=4), data=st.data())
def test_no_other_byte_follows(facts, data):
    """A line with one changed byte breaks the chain, unless the changed line means the same."""
    written = [canonical(entry) for entry in chained(START, facts)]
    number = data.draw(st.integers(0, len(written) - 1))
    line = bytearray(written[number])
    line[data.draw(st.integers(0, len(line) - 1))] ^= data.draw(st.integers(1, 127))
    changed = bytes(line)
    wrong, _ = audit.walk([*written[:number], changed, *written[number + 1 :]], START)
    assert wrong == number + 1 or canonical(read(changed)) == written[number]


LATER_S = audit.SETTLES.total_seconds() + 1


def test_a_run_that_was_set_back_is_stopped(runtime_of, work_settings, store, asker, channel):
    """An older state of a canceled run is ended at the next attempt, and its card is drawn."""
    heard: list[str] = []
    install(replace(runtime_of(work_settings), listener=heard.append))
    run = store.open(channel, asker, Origin("room-1", message="m-1"))
    account = Account("tenant-1", "oid-1", "admin@contoso.com")
    store.append(run.id, Event(Kind.DETAILS, now(), channel=channel))
    store.append(run.id, Event(Kind.SIGNED_IN, now(), account=account))
    copy = store.redis.dump(keys.run_events(run.id))
    store.end(store.load(run.id), Event(Kind.CANCELLED, now()))
    store.redis.restore(keys.run_events(run.id), 0, copy, replace=True)
    advance.advance(run.id)
    stopped = store.load(run.id)
    assert (stopped.ended, claimed(store.redis)) == (Kind.FAILED, ())
    assert next_action(stopped).words == Text("turn_words.run_set_back", {"event": "4"})
    assert set(heard) == {run.id}


def whats(redis: Redis) -> list[str]:
    """Return the names of the entries of the audit trail."""
    return [entry["what"] for entry in lines(redis)]


def copied(redis: Redis):
    """Return a function that brings back the present state of the audit trail."""
    names = (keys.audit_entries(), keys.audit_head())
    kept = [(name, redis.dump(name)) for name in names]

    def bring_back() -> None:
        redis.delete(*names)
        for name, value in kept:
            if value:
                redis.restore(name, 0, value)

    return bring_back


@pytest.fixture
def own(redis) -> Trail:
    """Return the audit trail of a process."""
    return Trail(redis, KEYS)


def filled(own: Trail, pass_time, *names: str) -> None:
    """Add entries that are seen again when they have settled."""
    own.add(*({"what": name} for name in names))
    for _ in range(2):
        pass_time(LATER_S)
        own.look()


LOOKS = {"add": lambda own: own.add({"what": "next"}), "look": Trail.look}


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("left", [0, 2])
def test_a_trail_that_was_set_back(own, redis, pass_time, look, left):
    """An earlier true state of the trail, or none at all, is noticed at the next look.

    Everybody can see that, also a process that has seen nothing before, and it cannot be undone.
    """
    before = copied(redis)
    if left:
        filled(own, pass_time, "one", "two")
        before = copied(redis)
    filled(own, pass_time, "three")
    for _ in range(2):
        before()
        assert Trail(redis, KEYS).verify().broken_at == 0
        LOOKS[look](own)
        assert whats(redis)[left] == DOUBTED
        assert int(read(redis.lindex(keys.audit_entries(), left) or b"")["data"]["entry"]) > left
        assert Trail(redis, KEYS).verify().broken_at == left + 1


def test_a_trail_that_has_grown_since_it_was_set_back(own, redis, pass_time):
    """Another process that goes on from the earlier state does not hide the loss."""
    filled(own, pass_time, "one")
    before = copied(redis)
    filled(own, pass_time, "two", "three")
    before()
    Trail(redis, KEYS).add(*({"what": "later"} for _ in range(5)))
    own.look()
    assert own.verify().broken_at == 7
    assert whats(redis)[-1] == DOUBTED


def test_a_lost_entry_in_another_place_is_lost(own, redis, pass_time):
    """A lost entry that somebody puts in the place of the first one does not hide the loss."""
    filled(own, pass_time, "one")
    before = copied(redis)
    filled(own, pass_time, "two")
    lost = redis.lindex(keys.audit_entries(), -1)
    before()
    redis.lset(keys.audit_entries(), 0, lost)
    own.look()
    assert whats(redis)[-1] == DOUBTED


def test_what_redis_loses_by_itself(own, redis, pass_time):
    """The newest entries may be lost in a failover: an entry says so, and the rest is believed."""
    filled(own, pass_time, "one")
    before = copied(redis)
    own.add({"what": "two"})
    before()
    own.add({"what": "three"})
    assert whats(redis) == ["one", audit.LOST, "three"]
    assert own.verify().broken_at == 0
    before()  # the entry about the loss cannot be lost in the same way
    own.look()
    assert whats(redis) == ["one", DOUBTED]


def test_one_process_tells_it_for_all(own, redis, pass_time):
    """A process that looks after another one has noticed the loss adds nothing.

    So what was written after that stays believed.
    """
    other = Trail(redis, KEYS)
    for each in (own, other):
        filled(each, pass_time, "one")
    own.look()
    redis.delete(keys.audit_entries(), keys.audit_head())
    own.add({"what": "approved"})
    for _ in range(2):
        other.add({"what": "changing"})
        pass_time(LATER_S)
    assert whats(redis) == [DOUBTED, "approved", "changing", "changing"]


def test_an_intact_trail_is_not_doubted(own, redis, pass_time):
    """Entries of other processes, and removals by retention, are no loss."""
    other = Trail(redis, KEYS)
    for _ in range(4):
        for each in (own, other):
            each.add({"at": now().isoformat(), "what": "said"})
            pass_time(LATER_S / 2)
            each.look()
    assert other.clear(now()) == 8
    for each in (own, other):
        each.look()
        each.add({"what": "later"})
    assert whats(redis) == ["cleared", "later", "later"]
