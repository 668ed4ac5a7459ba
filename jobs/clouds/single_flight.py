"""Sharing of reads: a read that several steps need at the same moment is made once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import structlog

log = structlog.get_logger(__name__)


class SingleFlight:
    """Reads in progress at one cloud.

    A read that began before a write ended is not shared with callers that ask after the write.
    """

    def __init__(self) -> None:
        self._under_way: dict[str, asyncio.Task[Any]] = {}

    async def read(self, key: str, make: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """Return the answer of the read in progress with that key, or start a new read.

        If the read fails, all its callers get the error.
        """
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
        """Mark a write: reads that start after it began, or after it ended, are made again."""
        self._under_way.clear()
        try:
            yield
        finally:
            self._under_way.clear()

    def _forget(self, key: str, done: asyncio.Task[Any]) -> None:
        if self._under_way.get(key) is done:
            del self._under_way[key]
        if not done.cancelled():
            done.exception()  # waiting callers get the error; if no caller waits, it is not reported


class ReadCache(SingleFlight):
    """Cache of reads for as long as this object lives, such as a check of many channels."""

    def _forget(self, key: str, done: asyncio.Task[Any]) -> None:
        if done.cancelled() or done.exception() is not None:
            super()._forget(key, done)
