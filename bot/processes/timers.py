"""Periodic tasks that run in one thread, one after the other."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

RETRY_S = 30.0
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Timer:
    seconds: float
    function: Callable[[], float | None]
    due: float = 0.0

    @property
    def name(self) -> str:
        named = getattr(self.function, "func", self.function)
        return str(getattr(named, "__qualname__", type(named).__name__))


class Timers:
    """List of periodic tasks; each runs for the first time at once.

    ``done`` has the name and interval of each task whose last round did not fail. Its reader
    empties it.
    """

    def __init__(self) -> None:
        self._timers: list[_Timer] = []
        self.done: dict[str, float] = {}

    def every(self, seconds: float, function: Callable[[], float | None]) -> None:
        """Add a function that runs every ``seconds``, or after the seconds that it returns.

        If it fails, the error is logged. It is retried after 30 seconds or its own interval,
        whichever is shorter.
        """
        self._timers.append(_Timer(seconds, function))

    @contextmanager
    def in_thread(self) -> Iterator[None]:
        """Run the tasks in a thread within the context; at its end, a running task may finish."""
        over = threading.Event()
        thread = threading.Thread(target=self._run_until, args=(over,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _run_until(self, over: threading.Event) -> None:
        while not over.wait(self.tick()):
            pass

    def tick(self, every: bool = False) -> float:  # noqa: FBT001, FBT002  a call tells it alone
        """Run the tasks that are due, or all, and return the seconds until the next one is due.

        A blocked signal that has come goes first: the other tasks are left to the next call.
        """
        for timer in self._timers:
            if (every or timer.due <= time.monotonic()) and not signal.sigpending():
                timer.due = time.monotonic() + self._do(timer)
        return (
            min((timer.due for timer in self._timers), default=time.monotonic() + RETRY_S)
            - time.monotonic()
        )

    def _do(self, timer: _Timer) -> float:
        try:
            wait_s = timer.function()
        except Exception:
            log.exception("timer failed", timer=timer.name)
            return min(timer.seconds, RETRY_S)
        self.done[timer.name] = timer.seconds
        return timer.seconds if wait_s is None else wait_s
