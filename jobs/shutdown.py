"""Shutdown flag of this process.

When it is set, work in progress is finished and no new work is started.
"""

from __future__ import annotations


class Shutdown:
    """The request to stop. A process has one, and passes it to whatever may take long."""

    def __init__(self) -> None:
        self._requested = False

    def request(self, *_signal: object) -> None:
        """Request the process to stop soon; may be used as a signal handler."""
        self._requested = True

    def requested(self) -> bool:
        """Return whether somebody has asked for it."""
        return self._requested
