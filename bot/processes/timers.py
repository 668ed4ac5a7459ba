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
BEAT_S = 5.0
"""Shortest time between two heartbeats of a timer, in seconds."""
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Timer:
    seconds: float
    function: Callable[[], None]
    due: float = 0.0
    beats: float = 0.0

    @property
    def name(self) -> str:
        named = getattr(self.function, "func", self.function)
        return str(getattr(named, "__qualname__", type(named).__name__))


class Timers:
    """List of periodic tasks; each runs for the first time at once.

    ``beat`` is called after a round that did not fail, with the timer's name and interval.
    """

    def __init__(self) -> None:
        self._timers: list[_Timer] = []
        self.beat: Callable[[str, float], None] = lambda _name, _seconds: None

    def every(self, seconds: float, function: Callable[[], None]) -> None:
        """Add a function that runs every ``seconds``.

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
            timer.function()
            if timer.beats <= time.monotonic():
                self.beat(timer.name, timer.seconds)
                timer.beats = time.monotonic() + BEAT_S
        except Exception:
            log.exception("timer failed", timer=timer.name)
            return min(timer.seconds, RETRY_S)
        return timer.seconds
