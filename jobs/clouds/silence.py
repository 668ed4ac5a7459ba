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

    Each operation is one of a dict, for several threads.
    """

    _sent: dict[object, tuple[str, float]] = field(default_factory=dict)
    _failed: dict[str, float] = field(default_factory=dict)
    _answered: dict[str, float] = field(default_factory=dict)

    def begin(self, service: str) -> object:
        """Return the mark of a request for :meth:`end`."""
        mark = object()
        self._sent[mark] = service, time.monotonic()
        return mark

    def end(self, mark: object, *, answered: bool) -> None:
        service, _ = self._sent.pop(mark)
        if answered:
            self._answered[service] = time.monotonic()
            self._failed.pop(service, None)
        else:
            self._failed.setdefault(service, time.monotonic())

    def silent(self) -> tuple[str, ...]:
        """Return the clouds that do not answer so far, in alphabetical order."""
        now = time.monotonic()
        failing = {name for name, since in list(self._failed.items()) if now - since >= FAILING_S}
        waiting = {
            service
            for service, since in list(self._sent.values())
            if now - since >= WAITING_S and self._answered.get(service, 0.0) < since
        }
        return tuple(sorted(failing | waiting))


_WATCH: ContextVar[Watch | None] = ContextVar("silence_watch", default=None)


@contextmanager
def watched() -> Iterator[Watch]:
    """Watch the requests of this task, and of the tasks and threads that it starts."""
    watch = Watch()
    token = _WATCH.set(watch)
    try:
        yield watch
    finally:
        _WATCH.reset(token)


@contextmanager
def request_to(service: str, silence: type[Exception]) -> Iterator[None]:
    """Note one attempt of a request; an error of the class ``silence`` means no answer."""
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
