"""Shutdown flag of this process.

When it is set, work in progress is finished and no new work is started.
"""

from __future__ import annotations


class Shutdown:
    """Request to stop this process.

    A process has one such object, and passes it to all work that may take long.
    """

    def __init__(self) -> None:
        self._requested = False

    def request(self, *_signal: object) -> None:
        """Request the process to stop soon; may be used as a signal handler."""
        self._requested = True

    def requested(self) -> bool:
        """Return whether somebody has asked the process to stop."""
        return self._requested
