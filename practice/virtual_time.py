"""An event loop whose clock jumps over every pause, so that what would wait for minutes takes no time in a test."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any


class Jumping(asyncio.SelectorEventLoop):
    """Where only the clock is waited for, the clock jumps."""

    def __init__(self) -> None:
        self.ahead = 0.0
        super().__init__(_Selector(self))

    def time(self) -> float:
        """The loop's clock."""
        return super().time() + self.ahead


class _Selector(selectors.DefaultSelector):
    def __init__(self, loop: Jumping) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready and timeout:
            self._loop.ahead += timeout
        return ready


def carry_out(work: Coroutine[Any, Any, None]) -> float:
    """To its end, without waiting; returns the seconds that it would have waited."""
    loop = Jumping()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(work)
    return loop.ahead
