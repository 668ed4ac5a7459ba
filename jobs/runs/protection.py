"""Protection of data from before layout 3, in which anybody who could write to Redis was believed.

All events, records, cards, links and sealed values get a MAC or are bound to their names, once
(:mod:`jobs.storage.mac`, :mod:`jobs.storage.vault`). The protection believes the data that it
finds, so it must not happen again because somebody sets the layout's number back. It happens only
while the end of the audit trail has the seal of layout 2, which this version never makes: the first
entry that this version writes, and the protection itself, seal the end in another way. The old
trail must be intact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import structlog
from redis import Redis
from redis.client import Pipeline

from jobs.runs.audit import LABEL_IN_LAYOUT_2, Trail
from jobs.runs.audit_entries import entry
from jobs.runs.channel_index import ChannelIndex
from jobs.runs.event_log import EventLog
from jobs.storage import codec, keys
from jobs.storage.keys import Key
from jobs.storage.mac import Authenticator, unprotected
from jobs.storage.vault import Sealed, Vault

LAYOUT = 3
"""First layout whose data is protected with a MAC."""
PROTECTED = "data_protected"
"""Name of the audit entry which records that older data was protected."""
log = structlog.get_logger(__name__)


def protect(redis: Redis, encryption_keys: Sequence[str]) -> None:
    """Protect the data of layout 2, if its audit trail shows that this was never done.

    Otherwise the data stays as it is, and values without a MAC do not count. Without keys nothing
    is protected.
    """
    if not encryption_keys:
        return
    old = Trail(redis, encryption_keys, LABEL_IN_LAYOUT_2)
    found = old.verify(full=True)
    if not found.entries or found.broken_at:
        if next(redis.scan_iter(keys.every_run_events()), None) is not None:
            log.warning("only data with a MAC counts", why="the trail has no seal of layout 2")
        return
    Protection(redis, encryption_keys).run()
    trail = Trail(redis, encryption_keys)
    trail.take_over(old)
    trail.add(entry(PROTECTED))


class Protection:
    """Addition of MACs to older data. It may be interrupted and start again."""

    def __init__(self, redis: Redis, encryption_keys: Sequence[str]) -> None:
        self._redis = redis
        self._authenticator = Authenticator(encryption_keys)
        self._vault = Vault(redis, tuple(encryption_keys))
        self._events = EventLog(self._authenticator)
        self._channels = ChannelIndex(redis, self._authenticator)

    def run(self) -> None:
        """Add a MAC to everything that has none."""
        for pattern, protect_one in (
            (keys.every_run_events(), self._protect_run),
            (keys.run_about("*"), self._protect_about),
            (keys.channel_record("*"), self._protect_record),
            (keys.every_cards(), self._protect_cards),
        ):
            for key in self._redis.scan_iter(pattern):
                self._redis.transaction(_bound(protect_one, key, pattern), key)
        self._vault.bind_all()
        self._seal_links()

    def _protect_run(self, pipe: Pipeline, key: bytes, run_id: str) -> None:
        bodies = [unprotected(codec.as_bytes(line)) for line in pipe.lrange(key, 0, -1)]
        pipe.multi()
        for place, line in enumerate(self._events.chained(run_id, bodies)):
            pipe.lset(key, place, line.decode())

    def _protect_about(self, pipe: Pipeline, key: bytes, run_id: str) -> None:
        value = pipe.get(key)
        pipe.multi()
        if isinstance(value, bytes):
            own = self._authenticator.protect(("about", run_id), unprotected(value))
            pipe.set(key, own, keepttl=True)

    def _protect_record(self, pipe: Pipeline, key: bytes, mailbox: str) -> None:
        """Protect a channel's proof.

        The channel's other keys, which the pattern also matches, are no JSON objects.
        """
        value = pipe.get(key) if pipe.type(key) == b"string" else b""
        pipe.multi()
        if isinstance(value, bytes) and value.startswith(b"{"):
            pipe.set(key, self._channels.protected(mailbox, unprotected(value)), keepttl=True)

    def _protect_cards(self, pipe: Pipeline, key: bytes, run_id: str) -> None:
        """Protect the posted cards; the other fields of the hash only delay a post."""
        cards = {
            codec.as_bytes(slot): codec.as_bytes(value) for slot, value in pipe.hgetall(key).items()
        }
        pipe.multi()
        for slot, value in cards.items():
            if has_message(value):
                context = ("card", run_id, slot.decode())
                pipe.hset(key, slot, self._authenticator.protect(context, unprotected(value)))

    def _seal_links(self) -> None:
        pattern = keys.page_token_in_layout_2("*")
        for key in self._redis.scan_iter(pattern):
            value, left_s = self._redis.get(key), int(self._redis.ttl(key))
            if isinstance(value, bytes) and left_s > 0:
                self._vault.put(Sealed.PAGE.of(owner(key, pattern)), value.decode(), left_s)
            self._redis.delete(key)


ProtectOne = Callable[[Pipeline, bytes, str], None]


def _bound(protect_one: ProtectOne, key: bytes, pattern: Key) -> Callable[[Pipeline], None]:
    return lambda pipe: protect_one(pipe, key, owner(key, pattern))


def owner(key: bytes, pattern: Key) -> str:
    """Return the part of a key that a pattern leaves open."""
    first, _, last = pattern.partition("*")
    return key.decode(errors="replace").removeprefix(first).removesuffix(last)


def has_message(value: bytes) -> bool:
    """Return whether a field of a run's cards is the state of a posted card."""
    try:
        card = msgspec.json.decode(value)
    except msgspec.MsgspecError:
        return False
    return isinstance(card, dict) and "message" in card
