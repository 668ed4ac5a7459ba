"""The names of keys in Redis: each is spelled here and nowhere else. What each key holds, and for how long: docs/operations.md."""

from __future__ import annotations

from typing import NewType

Key = NewType("Key", str)
PREFIX = ""


def _key(*parts: str) -> Key:
    return Key(PREFIX + ":".join(parts))


def lock_owner(name: str) -> tuple[str, str]:
    """Return what a lock is for: the kind (``run``, ``draw``, ``event`` or another one) and the id."""
    kind, _, rest = name.removeprefix(PREFIX).partition(":")
    return kind, rest.partition(":")[0]


# Events


def event(event_id: str) -> Key:
    """A webhook event until it is handled; empty for an hour after that, so that another delivery is known."""
    return _key("event", event_id)


def events_due() -> Key:
    """The events by the time at which each is handed to a worker."""
    return _key("events", "due")


def event_lock(event_id: str) -> Key:
    """The lock of the worker that handles an event."""
    return _key("event", event_id, "lock")


# Draws


def cards_due() -> Key:
    """The runs by the time at which their cards are drawn."""
    return _key("draws", "due")


def draw_queued(run_id: str) -> Key:
    """A mark: a draw of the run's cards waits in the queue."""
    return _key("draw", run_id, "queued")


def draw_lock(run_id: str) -> Key:
    """The lock of the draw of a run's cards."""
    return _key("draw", run_id)
