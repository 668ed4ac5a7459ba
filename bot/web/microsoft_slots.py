"""Limit on the requests that may wait for Microsoft at the same time.

The web process has a few threads (:data:`bot.web.app.THREADS`). Webex disables a webhook that is
answered late (facts/webex.md 1), so pages that wait for Microsoft must not take all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

SLOTS = 3
PRESS_READ_S = 5.0
"""Longest pause between two bytes of the discovery document after a press, in seconds."""
CALLBACK_READ_S = 10.0
"""Longest pause between two bytes at the callback, which redeems a code, in seconds."""
_slots = BoundedSemaphore(SLOTS)


@contextmanager
def microsoft_slot() -> Iterator[bool]:
    """Hold one of the slots within the context, which gets False at once if all are taken."""
    got = _slots.acquire(blocking=False)
    try:
        yield got
    finally:
        if got:
            _slots.release()
