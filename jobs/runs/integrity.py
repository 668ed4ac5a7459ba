"""Search of everything in Redis that carries a MAC for content that this bot did not make.

The result is for the bot's operator.
"""

from __future__ import annotations

from collections.abc import Iterator

from jobs.runs.event_log import foreign_event
from jobs.runs.run import ForeignRunError, RunGoneError
from jobs.runs.run_store import RunStore
from jobs.storage import keys
from jobs.storage.keys import Key


def foreign_entries(store: RunStore) -> tuple[str, ...]:
    """Return each key whose content this bot did not make, with the place in it, in words."""
    return (*_events(store), *_records(store))


def _events(store: RunStore) -> Iterator[str]:
    for key, run_id in _keys(store, keys.every_run_events()):
        try:
            place = foreign_event(store.load(run_id))
        except ForeignRunError:
            place = 1
        except RunGoneError:
            continue  # deleted since, or the rest of a deleted run
        if place:
            yield f"{key}, entry {place}"


def _records(store: RunStore) -> Iterator[str]:
    """Yield the keys of channel records that this bot did not make.

    The other keys that the pattern matches hold no JSON object.
    """
    for key, mailbox in _keys(store, keys.channel_record("*")):
        is_text = store.redis.type(key) == b"string"
        raw = store.redis.get(key) if is_text else None
        is_record = isinstance(raw, bytes) and raw.startswith(b"{")
        if is_record and store.channels.record(mailbox) is None:
            yield key


def _keys(store: RunStore, pattern: Key) -> Iterator[tuple[str, str]]:
    """Yield each key that matches, with the part that the pattern leaves open."""
    first, _, last = pattern.partition("*")
    for raw in store.redis.scan_iter(pattern):
        key = raw.decode(errors="replace")
        yield key, key.removeprefix(first).removesuffix(last)
