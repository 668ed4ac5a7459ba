"""Event loop that a worker process keeps between jobs, with its connections to the clouds.

Nothing else is left of a job: if one of its tasks is still there at its end, the loop is closed.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from typing import Any, TypeVar

import httpx

T = TypeVar("T")


class WarmLoop:
    def __init__(self) -> None:
        self._renew()

    def _renew(self) -> None:
        self.runner = asyncio.Runner()
        self.http: httpx.AsyncClient | None = None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return self.runner.run(work, context=contextvars.copy_context())
        finally:
            if asyncio.all_tasks(self.runner.get_loop()):
                self.runner.close()
                self._renew()


_kept: ContextVar[WarmLoop | None] = ContextVar("warm_loop", default=None)
"""Loop of the jobs. A thread of the background does not see it, because it has its own context."""


def keep() -> None:
    _kept.set(WarmLoop())


def run(work: Coroutine[Any, Any, T]) -> T:
    kept = _kept.get()
    return kept.run(work) if kept else asyncio.run(work)


def client(make: Callable[[], httpx.AsyncClient]) -> httpx.AsyncClient | None:
    kept = _kept.get()
    if kept is None or kept.runner.get_loop() is not asyncio.get_running_loop():
        return None
    kept.http = kept.http or make()
    return kept.http
