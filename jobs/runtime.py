"""The parts that a process has, put together once and installed: a job of RQ is a function by name, so it finds them here.

The work needs a :class:`Runtime`. ``bot`` installs one that holds more, and asks for it by its own class.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from jobs.microsoft.discovery_cache import DiscoveryCache
from jobs.runs.channel_index import ChannelIndex
from jobs.runs.run_store import RunStore
from jobs.runs.schedule import Schedule
from jobs.settings import Settings
from jobs.shutdown import Shutdown
from jobs.storage.vault import Vault

R = TypeVar("R", bound="Runtime")


@dataclass(frozen=True)
class Runtime:
    """The parts of the work: settings, Redis, the listener, Microsoft's public documents, and the request to stop."""

    settings: Settings
    store: RunStore
    vault: Vault
    listener: Listener
    documents: DiscoveryCache = field(default_factory=DiscoveryCache)
    shutdown: Shutdown = field(default_factory=Shutdown)

    @property
    def channels(self) -> ChannelIndex:
        """Who holds which channel, and what was proven."""
        return self.store.channels

    @property
    def schedule(self) -> Schedule:
        """When runs are due."""
        return self.store.schedule


_installed: list[Runtime] = []


def install(runtime: Runtime) -> None:
    """Make this the process's container."""
    _installed[:] = [runtime]


def current(kind: type[R]) -> R:
    """Return the process's container, which is of this class.

    Raises:
        RuntimeError: none of this class is installed.
    """
    for found in _installed:
        if isinstance(found, kind):
            return found
    raise RuntimeError("no runtime: jobs run in `python -m bot worker`")


class Listener(Protocol):
    """Receiver of run changes, such as the display of a run.

    It must return at once and never raise, because the run does not wait for it.
    """

    def run_changed(self, run_id: str) -> None:
        """Report that the run has changed; its data must be read from the store."""


class NoListener:
    """Nobody listens: a single channel of a bulk check has no card, the bulk check has it."""

    def run_changed(self, run_id: str) -> None:
        """Do nothing."""
