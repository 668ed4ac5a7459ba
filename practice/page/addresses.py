"""Addresses of the practice space and its parts, and the interface of the processes' host."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Places:
    """Base URLs of the page, the web process and the cloud, without a trailing slash.

    The URL of the page is the bot's PUBLIC_URL.
    """

    page: str
    bot: str
    cloud: str
    ca_path: Path


class Host(Protocol):
    """Interface of the host that runs the processes.

    ``places`` is None until the cloud listens.
    """

    @property
    def places(self) -> Places | None:
        """Return all addresses, or None until the cloud listens."""

    @property
    def ready(self) -> bool:
        """Return whether all processes are healthy."""

    def shown(self) -> list[Json]:
        """Return the name, the pid and the state of each process."""

    def kill(self, name: str) -> None:
        """Kill one process with SIGKILL and start it again.

        Raises:
            KeyError: when no process has this name.
        """

    def look(self) -> Json:
        """Have the bot's watch look at its channels now, and return the results as ``lines``.

        Raises:
            RuntimeError: the watch did not look.
        """
