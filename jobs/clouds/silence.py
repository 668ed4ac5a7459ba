"""Clouds that have given no answer so far in a piece of work, so that people hear of it early.

A request is repeated for up to 90 seconds (:mod:`jobs.clouds.retry`). A person who waits for it
hears within seconds that the cloud is silent. A refusal is an answer, and so is a 429.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from jobs.causes.cause import Cause

FAILING_S = 1.5
"""Seconds without any answer after a failure from which a cloud counts as silent."""
WAITING_S = 2.5
"""Seconds that a request waits for any answer of its cloud before the cloud counts as silent."""


@dataclass(slots=True)
class Watch:
    """Requests of one piece of work, by cloud.

    Several threads use this object, and each of its operations is a single operation of a dict.
    """

    _sent: dict[object, tuple[str, float]] = field(default_factory=dict)
    _failed: dict[str, float] = field(default_factory=dict)
    _answered: dict[str, float] = field(default_factory=dict)

    def begin(self, service: str) -> object:
        """Note that a request is sent, and return its mark for :meth:`end`."""
        mark = object()
        self._sent[mark] = service, time.monotonic()
        return mark

    def end(self, mark: object, *, answered: bool) -> None:
        """Note that a request was answered, or that it failed without an answer."""
        service, _ = self._sent.pop(mark)
        if answered:
            self._answered[service] = time.monotonic()
            self._failed.pop(service, None)
        else:
            self._failed.setdefault(service, time.monotonic())

    def silent(self) -> tuple[str, ...]:
        """Return the clouds that do not answer so far, in alphabetical order."""
        now = time.monotonic()
        return tuple(sorted(self._failing(now) | self._waiting(now)))

    def _failing(self, now: float) -> set[str]:
        """Return the clouds that have failed for some time, without any answer since then."""
        return {name for name, since in list(self._failed.items()) if now - since >= FAILING_S}

    def _waiting(self, now: float) -> set[str]:
        """Return the clouds that let a request wait, without any answer since it was sent."""
        return {
            service
            for service, since in list(self._sent.values())
            if now - since >= WAITING_S and self._answered.get(service, 0.0) < since
        }


_WATCH: ContextVar[Watch | None] = ContextVar("silence_watch", default=None)


@contextmanager
def watched() -> Iterator[Watch]:
    """Watch the requests that are made inside the context.

    They are those of this task, and of the tasks and threads that it starts.
    """
    watch = Watch()
    token = _WATCH.set(watch)
    try:
        yield watch
    finally:
        _WATCH.reset(token)


@contextmanager
def request_to(service: str, silence: type[Exception]) -> Iterator[None]:
    """Note one attempt of a request.

    An error of the class ``silence`` means that no answer came.
    """
    watch = _WATCH.get()
    if watch is None:
        yield
        return
    mark, answered = watch.begin(service), True
    try:
        yield
    except Exception as error:
        answered = not isinstance(error, silence) or getattr(error, "cause", "") == Cause.THROTTLED
        raise
    finally:
        watch.end(mark, answered=answered)
