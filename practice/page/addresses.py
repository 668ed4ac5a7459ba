"""Where the practice space and the parts behind it are, and what the page may ask of whoever runs them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Places:
    """Addresses without a trailing slash: the page's own (which is also the bot's PUBLIC_URL), the bot's web process, the cloud."""

    page: str
    bot: str
    cloud: str
    ca_path: Path


class Host(Protocol):
    """Whoever runs the processes; ``places`` is None until the cloud listens."""

    @property
    def places(self) -> Places | None:
        """Where everything is."""

    @property
    def ready(self) -> bool:
        """Whether everything is healthy."""

    def shown(self) -> list[Json]:
        """The processes: name, pid and state."""

    def kill(self, name: str) -> None:
        """Kill one process without a word and start it again; raises ``KeyError`` for a name that is none."""
