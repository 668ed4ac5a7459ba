"""Search of everything in Redis that carries a MAC for content that this bot did not make.

The result is for the bot's operator.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from jobs.runs.event_log import HISTORY, foreign_event
from jobs.runs.run import ForeignRunError, RunGoneError
from jobs.runs.run_store import RunStore
from jobs.storage import keys
from jobs.storage.keys import Key


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
    found.foreign.extend(_records(store))
    return found


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
