"""Renewal of everything in Redis under the first of ENCRYPTION_KEYS, so that an older key can go.

Each value is verified with any of the keys and written again in one transaction (WATCH), one Redis
key at a time. So the bot may run meanwhile: a value that changes in between is read again. The
renewal may be interrupted and start again: a value that is under the first key already stays as it
is. A value that does not verify is never signed. It is left as it is, and named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial

import msgspec
from redis import Redis
from redis.client import Pipeline

from jobs.runs.audit import Trail
from jobs.runs.event_log import HISTORY, EventLog, entry, foreign_event
from jobs.runs.run import ForeignRunError, RunGoneError
from jobs.runs.run_store import RunStore
from jobs.storage import codec, keys
from jobs.storage.keys import Key
from jobs.storage.vault import Authenticator, Vault, VaultName

REKEYED = "rekeyed"
"""Name of the audit entry that records how many values were written again with a new key."""
KEYS_AT_ONCE = 500
"""Number of Redis keys that one SCAN looks at."""

Reader = Redis | Pipeline
Slot = str | int
"""Part of a Redis key that holds a value: a field of a hash, an index of a list, or nothing else."""
Renew = Callable[[str, dict[Slot, bytes]], dict[Slot, bytes | None]]
"""Function that returns the values of a key under the first key, or None if they do not verify."""


class What(StrEnum):
    """Kinds of values that depend on ENCRYPTION_KEYS, in words for the operator."""

    RUNS = "runs"
    DESCRIPTIONS = "descriptions of runs"
    STOPS = "marks of stopped runs"
    CHANNELS = "channels"
    ACCEPTED = "accepted findings"
    CARDS = "cards"
    WATCHED = "watched channels"
    INCIDENTS = "incidents"
    SEALED = "sealed values"
    TRAIL = "audit trail"


@dataclass(frozen=True, slots=True)
class Found:
    """Values of one Redis key: how many are under the first key and how many under an older one.

    ``foreign`` names the values that verify under no key. ``changed`` are the values under an older
    key, as they are under the first one. A run's history counts as one value.
    """

    newest: int = 0
    older: int = 0
    foreign: tuple[str, ...] = ()
    changed: Mapping[Slot, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """Numbers of values in Redis by their kind, added up from :class:`Found` of each key."""

    newest: Counter[What] = field(default_factory=Counter)
    older: Counter[What] = field(default_factory=Counter)
    foreign: list[str] = field(default_factory=list)

    def add(self, what: What, found: Found) -> None:
        self.newest[what] += found.newest
        self.older[what] += found.older
        self.foreign.extend(found.foreign)


_LIST, _HASH, _STRING = b"list", b"hash", b"string"
_WITH_MAC = (
    (What.DESCRIPTIONS, keys.run_about("*"), "about"),
    (What.STOPS, keys.run_stopped("*"), "stopped"),
    (What.WATCHED, keys.watched("*"), "watched"),
    (What.WATCHED, keys.watch_state("*"), "watch state"),
    (What.INCIDENTS, keys.incident("*"), "incident"),
    (What.INCIDENTS, keys.incident_card("*"), "incident card"),
)
"""Key patterns of single values, with the purpose of each MAC."""
_FIELDS = (
    (What.CARDS, keys.cards("*"), "card"),
    (What.ACCEPTED, keys.accepted("*"), "accepted"),
)


@dataclass(frozen=True, slots=True)
class _Place:
    """Keys of one kind, with their pattern, their type in Redis, and the words for a part of one."""

    what: What
    pattern: Key
    type: bytes
    renew: Renew
    part: str = ""


class Rekeying:
    """Inspection of all values that depend on ENCRYPTION_KEYS, with or without writing.

    ``encryption_keys`` are ENCRYPTION_KEYS, newest first. Raises redis.RedisError if Redis is
    unreachable.
    """

    def __init__(self, redis: Redis, encryption_keys: Sequence[str]) -> None:
        self._redis = redis
        self._authenticator = Authenticator(encryption_keys)
        self._vault = Vault(redis, tuple(encryption_keys))
        self._events = EventLog(self._authenticator)
        self._trail = Trail(redis, encryption_keys)
        self._places = (
            _Place(What.RUNS, keys.run_events("*"), _LIST, self._history, ", entry {}"),
            _Place(What.CHANNELS, keys.channel_record("*"), _STRING, self._channel),
            _Place(What.SEALED, keys.sealed("*"), _STRING, self._sealed),
            *(
                _Place(what, pattern, _HASH, partial(self._fields, purpose), f", {purpose} {{!r}}")
                for what, pattern, purpose in _FIELDS
            ),
            *(
                _Place(what, pattern, _STRING, partial(self._of_purpose, purpose))
                for what, pattern, purpose in _WITH_MAC
            ),
        )

    def renew(self) -> Result:
        """Write every value that is under an older key again under the first one.

        ``older`` of the result are the values that were written again. The audit trail gets an
        entry with their numbers, if there are any and the trail is intact.
        """
        result = self._pass(self._renewed)
        trail = self._look_at_trail()
        if trail.older:
            self._trail.reseal()
        result.add(What.TRAIL, trail)
        counts = {
            what.replace(" ", "_"): str(count) for what, count in result.older.items() if count
        }
        if counts and not trail.foreign:
            self._trail.add(entry(REKEYED, data=counts))
        return result

    def survey(self) -> Result:
        result = self._pass(lambda place, key: self._look(place, self._redis, key))
        result.add(What.TRAIL, self._look_at_trail())
        return result

    def _pass(self, take: Callable[[_Place, bytes], Found]) -> Result:
        result = Result()
        for place in self._places:
            for key in self._redis.scan_iter(place.pattern, count=KEYS_AT_ONCE):
                result.add(place.what, take(place, key))
        return result

    def _renewed(self, place: _Place, key: bytes) -> Found:
        """Write the values of one Redis key again.

        If another client changes a value in between, all values of the key are read again.
        """
        seen: list[Found] = []

        def attempt(pipe: Pipeline) -> None:
            seen[:] = [self._look(place, pipe, key)]
            pipe.multi()
            for slot, value in seen[0].changed.items():
                if isinstance(slot, int):
                    pipe.lset(codec.as_text(key), slot, codec.as_text(value))
                elif place.type == _HASH:
                    pipe.hset(codec.as_text(key), slot, codec.as_text(value))
                else:
                    pipe.set(key, value, xx=True, keepttl=True)

        self._redis.transaction(attempt, key)
        return seen[0]

    def _look(self, place: _Place, reader: Reader, key: bytes) -> Found:
        stored = reader.type(key)
        if stored != place.type:  # a channel has other keys, too
            is_other = stored == b"none" or place.what is What.CHANNELS
            return Found() if is_other else Found(foreign=(_name(key),))
        values = _values(reader, key, stored)
        renewed = place.renew(keys.owner(key, place.pattern), values)
        foreign = tuple(
            _name(key) + place.part.format(slot) for slot, value in renewed.items() if value is None
        )
        changed = {
            slot: value
            for slot, value in renewed.items()
            if value is not None and value != values[slot]
        }
        older, newest = len(changed), len(renewed) - len(foreign) - len(changed)
        if stored == _LIST:  # signed as a whole, because every MAC covers the one before it
            older, newest = min(older, 1), min(newest, 1 - min(older, 1))
        return Found(newest, older, foreign, changed)

    def _history(self, run_id: str, values: dict[Slot, bytes]) -> dict[Slot, bytes | None]:
        """Return a run's history, which is written again as a whole or not at all."""
        renewed = self._events.renewed(run_id, list(values.values()))
        if len(renewed) < len(values):
            return {len(renewed) + 1: None}
        return dict(enumerate(renewed))

    def _of_purpose(
        self, purpose: str, owner: str, values: dict[Slot, bytes]
    ) -> dict[Slot, bytes | None]:
        return {
            slot: self._authenticator.renewed((purpose, owner), value)
            for slot, value in values.items()
        }

    def _channel(self, mailbox: str, values: dict[Slot, bytes]) -> dict[Slot, bytes | None]:
        """Return a channel's proof; its other keys, which the pattern matches, are no JSON."""
        proofs = {slot: value for slot, value in values.items() if value.startswith(b"{")}
        return self._of_purpose("channel", mailbox, proofs)

    def _fields(
        self, purpose: str, owner: str, values: dict[Slot, bytes]
    ) -> dict[Slot, bytes | None]:
        """Return the fields of a hash with a MAC, such as posted cards; others have none."""
        return {
            slot: self._authenticator.renewed((purpose, owner, str(slot)), value)
            for slot, value in values.items()
            if _has_mac(value)
        }

    def _sealed(self, name: str, values: dict[Slot, bytes]) -> dict[Slot, bytes | None]:
        return {slot: self._vault.renewed(VaultName(name), raw) for slot, raw in values.items()}

    def _look_at_trail(self) -> Found:
        """Verify every entry of the audit trail: its sealed end vouches for all of them."""
        seen = self._trail.verify()
        if seen.broken_at:
            return Found(foreign=(f"{keys.audit_entries()}, entry {seen.broken_at}: {seen.why}",))
        if not seen.entries:
            return Found()
        return Found(newest=1) if seen.newest_key else Found(older=1)


def _values(reader: Reader, key: bytes, stored: bytes) -> dict[Slot, bytes]:
    """Return the values of a key that has this type; none if it has just ended."""
    if stored == _LIST:
        return dict(enumerate(map(codec.as_bytes, reader.lrange(codec.as_text(key), 0, -1))))
    if stored == _HASH:
        found = reader.hgetall(codec.as_text(key))
        return {codec.as_text(slot): codec.as_bytes(value) for slot, value in found.items()}
    value = reader.get(key)
    return {"": value} if isinstance(value, bytes) else {}


def _has_mac(value: bytes) -> bool:
    """Return whether a field is a posted card, the fact that superseded it, or an acceptance."""
    try:
        card = msgspec.json.decode(value)
    except msgspec.MsgspecError:
        return False
    return isinstance(card, dict) and not card.keys().isdisjoint({"message", "kind", "until"})


def _name(key: bytes) -> str:
    return repr(key.decode(errors="replace"))[1:-1]


@dataclass(frozen=True, slots=True)
class Doubts:
    """Places in Redis in words: content that this bot did not make, and events after a gap."""

    foreign: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)


def doubts(store: RunStore) -> Doubts:
    """Return each key whose content is in doubt, with the place in it and the run's mailbox."""
    found = Doubts()
    for key, run_id in _keys(store, keys.run_events("*")):
        try:
            run = store.load(run_id)
        except ForeignRunError:
            found.foreign.append(f"{key}, entry 1")
        except RunGoneError:  # deleted since, or its first event cannot be decoded
            if store.redis.exists(key):
                found.gaps.append(f"{key}, entry 1")
        else:
            of = f" of {run.channel.mailbox}" if run.channel.mailbox else ""
            if place := foreign_event(run):
                found.foreign.append(f"{key}, entry {place}{of}")
            if HISTORY in run.problems:
                found.gaps.append(f"{key}, entry {run.problems[HISTORY].code}{of}")
    for key, mailbox in _keys(store, keys.channel_record("*")):
        raw = store.redis.get(key) if store.redis.type(key) == _STRING else None
        is_record = isinstance(raw, bytes) and raw.startswith(b"{")  # other keys match, too
        if is_record and store.channels.record(mailbox) is None:
            found.foreign.append(key)
    return found


def _keys(store: RunStore, pattern: Key) -> Iterator[tuple[str, str]]:
    for raw in store.redis.scan_iter(pattern):
        yield raw.decode(errors="replace"), keys.owner(raw, pattern)
