"""Shutdown flag of this process: work in progress is finished, and no new work is started."""

from __future__ import annotations

from collections.abc import Callable


class Shutdown:
    """Request to stop this process, which it passes to all work that may take long.

    ``run_waits`` is set in a process that carries on runs: work of many parts ends after a part,
    and goes on later, if a run waits for the process.
    """

    def __init__(self) -> None:
        self._requested = False
        self.run_waits: Callable[[], bool] = lambda: False

    def request(self, *_signal: object) -> None:
        """Request the process to stop soon; may be used as a signal handler."""
        self._requested = True

    def requested(self) -> bool:
        """Return whether somebody has asked the process to stop."""
        return self._requested
