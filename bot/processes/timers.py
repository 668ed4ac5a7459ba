"""Periodic tasks that run in one process, one after the other."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from bot.processes.signals import STOPS, signals_blocked, wait_for

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

    def run(self, slow: Timers | None = None) -> int:
        """Run the tasks until SIGTERM and return 0; a running task may finish first.

        The tasks of ``slow`` run in a thread of their own, because they may wait for Webex.
        """
        over = threading.Event()
        with signals_blocked(STOPS):
            waiting = threading.Thread(target=(slow or Timers()).run_until, args=(over,))
            waiting.start()
            try:
                while wait_for(STOPS, self.tick()) == signal.SIGALRM:
                    pass
            finally:
                over.set()
                waiting.join()
        return 0

    def run_until(self, over: threading.Event) -> None:
        """Run the tasks until ``over`` is set."""
        while not over.wait(self.tick()):
            pass

    def tick(self) -> float:
        """Run the tasks that are due and return the seconds until the next one is due."""
        for timer in self._timers:
            if timer.due <= time.monotonic():
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
