"""Event loop whose clock skips every pause, so that waits of minutes take no time in a test."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Event loop whose clock jumps ahead whenever the loop only waits for time to pass."""

    def __init__(self) -> None:
        self.ahead = 0.0
        super().__init__(_Selector(self))

    def time(self) -> float:
        """Return the loop's time in seconds, with all skipped pauses."""
        return super().time() + self.ahead


class _Selector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready and timeout:
            self._loop.ahead += timeout
        return ready


def carry_out(work: Coroutine[Any, Any, None]) -> float:
    """Run ``work`` to its end without waiting.

    Return the seconds that it would have waited.
    """
    loop = VirtualTimeLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(work)
    return loop.ahead
