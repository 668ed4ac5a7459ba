"""Addresses of the practice space and its parts, and the interface of the processes' host."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Places:
    """Base URLs without a trailing slash: the page (the bot's PUBLIC_URL), the web process, the cloud."""

    page: str
    bot: str
    cloud: str
    ca_path: Path


class Host(Protocol):
    """Host of the processes; ``places`` is None until the cloud listens."""

    @property
    def places(self) -> Places | None:
        """Return all addresses, or None until the cloud listens."""

    @property
    def ready(self) -> bool:
        """Return whether everything is healthy."""

    def shown(self) -> list[Json]:
        """Return the processes: name, pid and state."""

    def kill(self, name: str) -> None:
        """Kill one process with SIGKILL and start it again.

        Raises:
            KeyError: when no process has this name.
        """

    def look(self) -> Json:
        """Have the watch look at its channels now, and return what it saw as ``lines``.

        Raises:
            RuntimeError: the watch did not look.
        """
