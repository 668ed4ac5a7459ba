"""Container of a process's parts, installed once because an RQ job is a function found by its name.

``bot`` installs a subclass of :class:`Runtime` that holds more, and asks for it by that class.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from jobs.runs.run_store import ChannelIndex, RunStore
from jobs.settings import Settings
from jobs.storage.vault import Vault


class Shutdown:
    """Request to stop this process, which it passes to all work that may take long.

    ``run_waits`` is set in a process that carries on runs: work of many parts ends after a part,
    and goes on later, if a run waits for the process.
    """

    def __init__(self) -> None:
        self._requested = False
        self.run_waits: Callable[[], bool] = lambda: False

    def request(self, *_signal: object) -> None:
        self._requested = True

    def requested(self) -> bool:
        return self._requested


Listener = Callable[[str], None]
"""Receiver of each changed run's ID, which reads the store, returns at once and raises nothing."""
R = TypeVar("R", bound="Runtime")


@dataclass(frozen=True)
class Runtime:
    """Parts that the work needs."""

    settings: Settings
    store: RunStore
    vault: Vault
    listener: Listener
    shutdown: Shutdown = field(default_factory=Shutdown)

    @property
    def channels(self) -> ChannelIndex:
        return self.store.channels


_installed: list[Runtime] = []


def install(runtime: Runtime) -> None:
    _installed[:] = [runtime]


def current(kind: type[R]) -> R:
    """Return a copy of the process's container, which is of this class.

    What a job keeps in its copy ends with the job.

    Raises:
        RuntimeError: no container of this class is installed.
    """
    for found in _installed:
        if isinstance(found, kind):
            return replace(found)
    raise RuntimeError("no runtime: jobs run in `python -m bot worker`")


def no_listener(_run_id: str) -> None:
    """Do nothing about a change, because no card shows the run: a bulk run has one for all."""
