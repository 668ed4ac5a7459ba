"""What a worker process has at hand for every job. ``python -m bot worker`` plugs it in, before the first job."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.listener import Listener
from jobs.settings import Settings
from jobs.store import Store
from jobs.vault import Vault


@dataclass(frozen=True, slots=True)
class Runtime:
    """Settings, Redis and whoever listens."""

    settings: Settings
    store: Store
    vault: Vault
    listener: Listener


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
