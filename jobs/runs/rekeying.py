"""Renewal of everything in Redis under the first of ENCRYPTION_KEYS, so that an older key can go.

Each value is verified with any of the keys and written again in one transaction (WATCH), one Redis
key at a time. So the bot may run meanwhile: a value that changes in between is read again. The
renewal may be interrupted and start again: a value that is under the first key already stays as it
is. A value that does not verify is never signed. It is left as it is, and named.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from redis import Redis
from redis.client import Pipeline

from jobs.runs.event_log import HISTORY, ForeignRunError, entry, foreign_event
from jobs.runs.run import RunGoneError
from jobs.runs.run_store import RunStore
from jobs.storage import codec, keys
from jobs.storage.connection import in_transaction
from jobs.storage.vault import Vault, mac_of

REKEYED = "rekeyed"
KEYS_AT_ONCE = 500

Reader = Redis | Pipeline
Slot = str | int


class What(StrEnum):
    """Kinds of values that depend on ENCRYPTION_KEYS, in words for the operator."""

    RUNS = "runs"
    CHANNELS = "channels"
    ACCEPTED = "accepted findings"
    CARDS = "cards"
    WATCHED = "watched channels"
    INCIDENTS = "incidents"
    SEALED = "sealed values"
    TRAIL = "audit trail"


_PLACES = (
    (What.RUNS, keys.run_events("*")),
    (What.CHANNELS, keys.channel_record("*")),
    (What.ACCEPTED, keys.accepted("*")),
    (What.CARDS, keys.cards("*")),
    (What.WATCHED, keys.watched("*")),
    (What.WATCHED, keys.watch_state("*")),
    (What.INCIDENTS, keys.incident("*")),
    (What.INCIDENTS, keys.incident_card("*")),
    (What.SEALED, keys.sealed("*")),
)
_LIST, _HASH, _STRING = b"list", b"hash", b"string"
_TYPES = {What.RUNS: _LIST, What.ACCEPTED: _HASH, What.CARDS: _HASH}


@dataclass(frozen=True, slots=True)
class Found:
    """Values of one Redis key; a run's history counts as one."""

    newest: int = 0  # the number of those under the first key
    older: int = 0  # the number of those under an older key
    foreign: tuple[str, ...] = ()  # the names of those that verify under no key
    changed: Mapping[Slot, bytes] = field(default_factory=dict)  # older ones under the first key


@dataclass(frozen=True, slots=True)
class Result:
    newest: Counter[What] = field(default_factory=Counter)
    older: Counter[What] = field(default_factory=Counter)
    foreign: list[str] = field(default_factory=list)

    def add(self, what: What, found: Found) -> None:
        self.newest[what] += found.newest
        self.older[what] += found.older
        self.foreign.extend(found.foreign)


class Rekeying:
    """Inspection of all values under ENCRYPTION_KEYS, newest first, with or without writing."""

    def __init__(self, redis: Redis, encryption_keys: Sequence[str]) -> None:
        self._redis, self._store = redis, RunStore(redis, encryption_keys)
        self._vault = Vault(redis, tuple(encryption_keys))

    def renew(self) -> Result:
        """Write every value under an older key again; ``older`` of the result are these."""
        result = self._pass(self._renewed)
        older = {what: count for what, count in result.older.items() if count}
        counts = {what.replace(" ", "_"): str(count) for what, count in older.items()}
        if counts and not self._store.audit.verify().broken_at:
            self._store.audit.add(entry(REKEYED, data=counts))
        return result

    def survey(self) -> Result:
        return self._pass(lambda what, key: self._look(what, self._redis, key))

    def _pass(self, take: Callable[[What, str], Found]) -> Result:
        result = Result()
        for what, pattern in _PLACES:
            for key in self._redis.scan_iter(pattern, count=KEYS_AT_ONCE):
                result.add(what, take(what, codec.as_text(key)))
        seen = self._store.audit.verify()  # its sealed end vouches for every entry
        if seen.broken_at:
            result.foreign.append(f"{keys.audit_entries()}, entry {seen.broken_at}: {seen.why}")
        else:
            result.add(What.TRAIL, take(What.TRAIL, keys.audit_head()))
        return result

    def _renewed(self, what: What, key: str) -> Found:
        """Write the values of one key again; if another client changes one, all are read again."""

        def attempt(pipe: Pipeline) -> Found:
            found = self._look(what, pipe, key)
            pipe.multi()
            for slot, value in found.changed.items():
                if isinstance(slot, int):
                    pipe.lset(key, slot, codec.as_text(value))
                elif what in _TYPES:
                    pipe.hset(key, slot, codec.as_text(value))
                else:
                    pipe.set(key, value, xx=True, keepttl=True)
            return found

        return in_transaction(self._redis, attempt, key)

    def _look(self, what: What, reader: Reader, key: str) -> Found:
        stored, wanted, name = reader.type(key), _TYPES.get(what, _STRING), repr(key)[1:-1]
        if stored != wanted:
            return Found() if stored == b"none" else Found(foreign=(name,))
        if stored == _LIST:
            return self._history(name, key, reader)
        foreign: list[str] = []
        changed: dict[Slot, bytes] = {}
        values = _values(reader, key, stored)
        if what is What.CARDS:  # a field without a MAC grants nothing
            values = {n: v for n, v in values.items() if mac_of(v)}
        for slot, value in values.items():
            if what is What.SEALED:
                renewed = self._vault.renewed(key, value)
            else:
                renewed = self._store.authenticator.renewed(key, value, slot)
            if renewed is None:
                foreign.append(f"{name}, {slot!r}" if slot else name)
            elif renewed != value:
                changed[slot] = renewed
        newest = len(values) - len(foreign) - len(changed)
        return Found(newest, len(changed), tuple(foreign), changed)

    def _history(self, name: str, key: str, reader: Reader) -> Found:
        lines = list(map(codec.as_bytes, reader.lrange(key, 0, -1)))
        renewed = self._store.event_log.renewed(keys.owner(key, keys.run_events("*")), lines)
        if len(renewed) < len(lines):
            return Found(foreign=(f"{name}, entry {len(renewed) + 1}",))
        if renewed == lines:
            return Found(newest=1)
        return Found(older=1, changed=dict(enumerate(renewed)))


def _values(reader: Reader, key: str, stored: bytes) -> dict[str, bytes]:
    rows = reader.hgetall(key) if stored == _HASH else {"": reader.get(key)}
    return {codec.as_text(n): codec.as_bytes(v) for n, v in rows.items() if v is not None}


def doubts(store: RunStore) -> dict[str, list[str]]:
    """Return places in doubt, with the run's mailbox: ``foreign`` content, ``gaps`` before it."""
    foreign, gaps = list[str](), list[str]()
    for key, run_id in _keys(store, keys.run_events("*")):
        try:
            run = store.load(run_id)
        except ForeignRunError:
            foreign.append(f"{key}, entry 1")
        except RunGoneError:  # deleted since, or its first event cannot be decoded
            if store.redis.exists(key):
                gaps.append(f"{key}, entry 1")
        else:
            of = f" of {run.channel.mailbox}" if run.channel.mailbox else ""
            if place := foreign_event(run):
                foreign.append(f"{key}, entry {place}{of}")
            if HISTORY in run.problems:
                gaps.append(f"{key}, entry {run.problems[HISTORY].code}{of}")
    for key, mailbox in _keys(store, keys.channel_record("*")):
        stored = store.redis.type(key)
        if stored != b"none" and (stored != _STRING or store.channels.record(mailbox) is None):
            foreign.append(key)
    return {"foreign": foreign, "gaps": gaps}


def _keys(store: RunStore, pattern: keys.Key) -> Iterator[tuple[str, str]]:
    for raw in store.redis.scan_iter(pattern):
        yield raw.decode(errors="replace"), keys.owner(raw, pattern)
