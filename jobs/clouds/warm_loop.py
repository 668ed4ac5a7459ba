"""Event loop that a worker process keeps between jobs, with its connections to the clouds.

Nothing else is left of a job: if one of its tasks is still there at its end, the loop is closed.
"""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx

T = TypeVar("T")


@dataclass(slots=True)
class WarmLoop:
    runner: asyncio.Runner = field(default_factory=asyncio.Runner)
    http: httpx.AsyncClient | None = None


_kept: contextvars.ContextVar[WarmLoop | None] = contextvars.ContextVar("warm_loop", default=None)
"""Loop of the jobs. A thread of the background does not see it, because it has its own context."""


def keep() -> None:
    _kept.set(WarmLoop())


def run(work: Coroutine[Any, Any, T]) -> T:
    kept = _kept.get()
    if kept is None:
        return asyncio.run(work)
    try:
        return kept.runner.run(work, context=contextvars.copy_context())
    finally:
        if asyncio.all_tasks(kept.runner.get_loop()):
            kept.runner.close()
            kept.runner, kept.http = asyncio.Runner(), None


def client(make: Callable[[], httpx.AsyncClient]) -> httpx.AsyncClient | None:
    kept = _kept.get()
    if kept is None or kept.runner.get_loop() is not asyncio.get_running_loop():
        return None
    kept.http = kept.http or make()
    return kept.http
