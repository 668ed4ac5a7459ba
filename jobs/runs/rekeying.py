"""Renewal of everything in Redis under the first of ENCRYPTION_KEYS, so that an older key can go.

Each value is verified with any of the keys and written again in one transaction (WATCH), one Redis
key at a time. So the bot may run meanwhile: a value that changes in between is read again. The
renewal may be interrupted and start again: a value that is under the first key already stays as it
is. A value that does not verify is never signed. It is left as it is, and named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial

import msgspec
from redis import Redis
from redis.client import Pipeline

from jobs.runs.audit import Trail
from jobs.runs.audit_entries import entry
from jobs.runs.channel_index import ChannelIndex
from jobs.runs.event_log import EventLog
from jobs.storage import codec, keys
from jobs.storage.keys import Key
from jobs.storage.mac import Authenticator
from jobs.storage.vault import Vault, VaultName

REKEYED = "rekeyed"
"""Name of the audit entry that records how many values were written again with a new key."""
KEYS_AT_ONCE = 500
"""Number of Redis keys that one SCAN looks at."""

Reader = Redis | Pipeline
Write = Callable[[Pipeline], object]
Renew = Callable[[str, bytes], bytes | None]


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

    ``foreign`` names the values that verify under no key. ``writes`` are calls that write the
    values under an older key again under the first one.
    """

    newest: int = 0
    older: int = 0
    foreign: tuple[str, ...] = ()
    writes: tuple[Write, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """Numbers of values in Redis by their kind, added up from :class:`Found` of each key."""

    newest: Counter[What] = field(default_factory=Counter)
    older: Counter[What] = field(default_factory=Counter)
    foreign: list[str] = field(default_factory=list)

    def add(self, what: What, found: Found) -> None:
        """Add the numbers of the values of one key."""
        self.newest[what] += found.newest
        self.older[what] += found.older
        self.foreign.extend(found.foreign)


_OF_THE_WATCH = (
    (What.WATCHED, keys.watched("*"), "watched"),
    (What.WATCHED, keys.watch_state("*"), "watch state"),
    (What.INCIDENTS, keys.incident("*"), "incident"),
    (What.INCIDENTS, keys.incident_card("*"), "incident card"),
)
"""Key patterns of the watch's values, with the purpose of each MAC (:mod:`jobs.watch`)."""
Look = Callable[[Reader, bytes, str], Found]


@dataclass(frozen=True, slots=True)
class _Place:
    """Keys of one kind, with their pattern, their type in Redis, and a function to look at one."""

    what: What
    pattern: Key
    type: bytes
    look: Look


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
        self._channels = ChannelIndex(redis, self._authenticator)
        self._trail = Trail(redis, encryption_keys)
        self._places = (
            _Place(What.RUNS, keys.run_events("*"), b"list", self._run),
            _Place(What.DESCRIPTIONS, keys.run_about("*"), b"string", _text(self._of_run("about"))),
            _Place(What.STOPS, keys.run_stopped("*"), b"string", _text(self._of_run("stopped"))),
            _Place(What.CHANNELS, keys.channel_record("*"), b"string", self._channel),
            _Place(What.CARDS, keys.cards("*"), b"hash", self._fields("card", What.CARDS)),
            _Place(
                What.ACCEPTED, keys.accepted("*"), b"hash", self._fields("accepted", What.ACCEPTED)
            ),
            *(
                _Place(what, pattern, b"string", _text(self._of_run(purpose)))
                for what, pattern, purpose in _OF_THE_WATCH
            ),
            _Place(What.SEALED, keys.sealed("*"), b"string", _text(self._sealed)),
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
        """Return the same result as :meth:`renew` would, without writing anything."""
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
            for write in seen[0].writes:
                write(pipe)

        self._redis.transaction(attempt, key)
        return seen[0]

    def _look(self, place: _Place, reader: Reader, key: bytes) -> Found:
        stored = reader.type(key)
        if stored == place.type:
            return place.look(reader, key, _owner(key, place.pattern))
        is_other = stored == b"none" or place.what is What.CHANNELS  # a channel has other keys, too
        return Found() if is_other else Found(foreign=(_name(key),))

    def _run(self, reader: Reader, key: bytes, run_id: str) -> Found:
        """Look at a run's history, which is written again as a whole or not at all."""
        lines = list(map(codec.as_bytes, reader.lrange(key, 0, -1)))
        renewed = self._events.renewed(run_id, lines)
        if len(renewed) < len(lines):
            return Found(foreign=(f"{_name(key)}, entry {len(renewed) + 1}",))
        if renewed == lines:
            return Found(newest=1 if lines else 0)
        writes = (
            partial(Pipeline.lset, name=key, index=place, value=line)
            for place, line in enumerate(renewed)
        )
        return Found(older=1, writes=tuple(writes))

    def _of_run(self, purpose: str) -> Renew:
        return lambda run_id, value: self._authenticator.renewed((purpose, run_id), value)

    def _channel(self, reader: Reader, key: bytes, mailbox: str) -> Found:
        """Look at a channel's proof; its other keys, which the pattern matches, are no JSON."""
        value = reader.get(key)
        if not isinstance(value, bytes) or not value.startswith(b"{"):
            return Found()
        return _found(key, value, self._channels.renewed(mailbox, value), partial(_set, key))

    def _fields(self, purpose: str, what: What) -> Look:
        """Return a function that looks at a hash; some of its fields may have no MAC."""

        def look(reader: Reader, key: bytes, owner: str) -> Found:
            total = Result()
            writes: list[Write] = []
            for raw_slot, raw in reader.hgetall(key).items():
                slot, value = codec.as_bytes(raw_slot), codec.as_bytes(raw)
                if not _has_mac(value):
                    continue
                name = slot.decode(errors="replace")
                own = self._authenticator.renewed((purpose, owner, name), value)
                told = f", {purpose} {name!r}"
                found = _found(key, value, own, partial(_set_field, key, slot), told)
                total.add(what, found)
                writes += found.writes
            return Found(total.newest[what], total.older[what], tuple(total.foreign), tuple(writes))

        return look

    def _sealed(self, name: str, value: bytes) -> bytes | None:
        return self._vault.renewed(VaultName(name), value)

    def _look_at_trail(self) -> Found:
        """Verify every entry of the audit trail: its sealed end vouches for all of them."""
        seen = self._trail.verify()
        if seen.broken_at:
            return Found(foreign=(f"{keys.audit_entries()}, entry {seen.broken_at}: {seen.why}",))
        if not seen.entries:
            return Found()
        return Found(newest=1) if seen.newest_key else Found(older=1)


def _owner(key: bytes, pattern: Key) -> str:
    """Return the part of a key that a pattern leaves open."""
    first, _, last = pattern.partition("*")
    return key.decode(errors="replace").removeprefix(first).removesuffix(last)


def _has_mac(value: bytes) -> bool:
    """Return whether a field is a posted card, the fact that superseded it, or an acceptance."""
    try:
        card = msgspec.json.decode(value)
    except msgspec.MsgspecError:
        return False
    return isinstance(card, dict) and not card.keys().isdisjoint({"message", "kind", "until"})


def _text(renew: Renew) -> Look:
    """Return a function that looks at a key that holds one value."""

    def look(reader: Reader, key: bytes, whose: str) -> Found:
        value = reader.get(key)
        if not isinstance(value, bytes):
            return Found()  # it has just ended
        return _found(key, value, renew(whose, value), partial(_set, key))

    return look


def _found(
    key: bytes,
    value: bytes,
    renewed: bytes | None,
    write: Callable[[bytes, Pipeline], object],
    place: str = "",
) -> Found:
    """Return the result for one value.

    ``renewed`` is the value under the first key, or None if the value verifies under no key.
    """
    if renewed is None:
        return Found(foreign=(_name(key) + place,))
    if renewed == value:
        return Found(newest=1)
    return Found(older=1, writes=(partial(write, renewed),))


def _set(key: bytes, value: bytes, pipe: Pipeline) -> object:
    """Replace a value that still exists, and keep its expiry."""
    return pipe.set(key, value, xx=True, keepttl=True)


def _set_field(key: bytes, slot: bytes, value: bytes, pipe: Pipeline) -> object:
    return pipe.hset(key, slot, value)


def _name(key: bytes) -> str:
    """Return a key for a terminal, without control characters from another client."""
    return repr(key.decode(errors="replace"))[1:-1]
