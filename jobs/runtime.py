"""What a worker process has at hand for every job. ``python -m bot worker`` plugs it in, before the first job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from jobs.runs.channel_index import ChannelIndex
from jobs.runs.run_store import RunStore
from jobs.runs.schedule import Schedule
from jobs.settings import Settings
from jobs.storage.vault import Vault


@dataclass(frozen=True, slots=True)
class Runtime:
    """Settings, Redis and whoever listens."""

    settings: Settings
    store: RunStore
    vault: Vault
    listener: Listener

    @property
    def channels(self) -> ChannelIndex:
        """Who holds which channel, and what was proven."""
        return self.store.channels

    @property
    def schedule(self) -> Schedule:
        """When runs are due."""
        return self.store.schedule


_current: list[Runtime] = []


def use(runtime: Runtime) -> None:
    """Make this the process's runtime."""
    _current[:] = [runtime]


def current() -> Runtime:
    """The process's runtime.

    Raises:
        RuntimeError: nobody has plugged one in.
    """
    if not _current:
        raise RuntimeError("no runtime: jobs run in `python -m bot worker`")
    return _current[0]


class Listener(Protocol):
    """Whoever wants to show a run. Must return at once and never raise: the run does not wait for it."""

    def run_changed(self, run_id: str) -> None:
        """Something about the run is new; read it from the store."""


class NoListener:
    """Nobody listens: a single channel of a bulk check has no card, the bulk check has it."""

    def run_changed(self, run_id: str) -> None:
        """Do nothing."""
