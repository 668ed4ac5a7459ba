"""Whether this process is to end soon: then what is under way is ended, and nothing more is begun."""

from __future__ import annotations


class Shutdown:
    """The request to stop. A process has one, and passes it to whatever may take long."""

    def __init__(self) -> None:
        self._requested = False

    def request(self, *_signal: object) -> None:
        """Have the process stop soon; may be called as a signal's handler."""
        self._requested = True

    def requested(self) -> bool:
        """Return whether somebody has asked for it."""
        return self._requested
