"""Reads that several steps want at the same moment are made once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import structlog

log = structlog.get_logger(__name__)


class SingleFlight:
    """The reads under way at one cloud. One that began before a write has ended is not shared with who asks after it."""

    def __init__(self) -> None:
        self._under_way: dict[str, asyncio.Task[Any]] = {}

    async def read(self, key: str, make: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """The answer of the read under way with that key, or of a new one. Its error is everybody's error."""
        task = self._under_way.get(key)
        if task is None:
            with structlog.contextvars.bound_contextvars(read=key):
                task = self._under_way[key] = asyncio.create_task(make())
            task.add_done_callback(lambda done: self._forget(key, done))
        else:
            log.debug("read shared", key=key)
        return await asyncio.shield(task)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """A write: what is read from now on, and again from its end on, is read anew."""
        self._under_way.clear()
        try:
            yield
        finally:
            self._under_way.clear()

    def _forget(self, key: str, done: asyncio.Task[Any]) -> None:
        if self._under_way.get(key) is done:
            del self._under_way[key]
        if not done.cancelled():
            done.exception()  # whoever still waits has it; one that nobody waits for any more is no news


class ReadCache(SingleFlight):
    """Reads that count as long as this object lives: for a look at many channels, which begins and ends within minutes."""

    def _forget(self, key: str, done: asyncio.Task[Any]) -> None:
        if done.cancelled() or done.exception() is not None:
            super()._forget(key, done)
