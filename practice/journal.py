"""Journal of the practice cloud: every write with its author, and every call, in order."""

import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from practice import clock


def now() -> str:
    """Return the time as Webex and Microsoft write it: UTC, milliseconds, a Z."""
    return clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Entry:
    """Record of a write to an object: its author, its action, and the state before and after.

    The record never contains a secret.
    """

    number: int
    at: str
    who: str
    service: str
    action: str
    object: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Call:
    """Record of an HTTP call that the cloud answered."""

    number: int
    at: str
    who: str
    method: str
    path: str
    status: int
    seconds: float
    request_id: str = ""
    cmdlet: str = ""


class Journal:
    """Append-only list of writes and of calls, shared by all threads of the cloud."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._entries: list[Entry] = []
        self._calls: list[Call] = []
        self._counts: Counter[tuple[str, str]] = Counter()

    def write(  # noqa: PLR0913, PLR0917  the fields of an entry
        self,
        who: str,
        service: str,
        action: str,
        object: str,  # noqa: A002  the journal's field name
        before: Any = None,
        after: Any = None,
    ) -> Entry:
        """Add one write and count it by (service, action)."""
        with self._changed:
            entry = Entry(
                len(self._entries) + 1, now(), who, service, action, object, before, after
            )
            self._entries.append(entry)
            self._counts[service, action] += 1
            self._changed.notify_all()
            return entry

    def call(  # noqa: PLR0913, PLR0917  the fields of an entry
        self,
        who: str,
        method: str,
        path: str,
        status: int,
        seconds: float,
        request_id: str = "",
        cmdlet: str = "",
    ) -> None:
        """Add one call.

        ``seconds`` is the time that the cloud took for it. ``request_id`` is the
        ``client-request-id`` sent with it.
        """
        with self._changed:
            self._calls.append(
                Call(
                    len(self._calls) + 1,
                    now(),
                    who,
                    method,
                    path,
                    status,
                    round(seconds, 4),
                    request_id,
                    cmdlet,
                )
            )

    def entries(self, after: int = 0) -> tuple[Entry, ...]:
        """Return the writes with a number above ``after``, oldest first."""
        with self._changed:
            return tuple(self._entries[after:])

    def calls(self) -> tuple[Call, ...]:
        """Return the calls since the last reset, oldest first."""
        with self._changed:
            return tuple(self._calls)

    def counts(self) -> dict[str, int]:
        """Return the number of writes since the last reset, by ``service.action``."""
        with self._changed:
            return {
                f"{service}.{action}": count
                for (service, action), count in sorted(self._counts.items())
            }

    def reset_calls(self) -> None:
        """Reset the calls and counts; the writes remain."""
        with self._changed:
            self._calls.clear()
            self._counts.clear()

    def wait(self, after: int, seconds: float) -> tuple[Entry, ...]:
        """Return the writes with a number above ``after``.

        If there are none, wait up to ``seconds`` for the first one.
        """
        deadline = time.monotonic() + seconds
        with self._changed:
            while len(self._entries) <= after and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)
            return tuple(self._entries[after:])
