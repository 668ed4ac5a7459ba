"""An end for every call to Webex.

The time-out of requests is the longest pause between two bytes, which a body that drips never meets. So the clock is
read between two reads of the body. ``http.client`` reads the status line, the headers, and the size of a chunk in one
go: where these drip, the time-out between two bytes is all that holds, and in a worker RQ's own time-out ends the job
(:data:`bot.queue.JOB_TIMEOUT_S`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from requests import ReadTimeout
from urllib3 import HTTPResponse

TOTAL_S = 20.0
"""For one request and its whole answer, in seconds. The last read may take its own time-out beyond."""
CHUNK = 65_536


class TimedBody:
    """The body of an answer, as requests reads it.

    Each read gives what is there, and none begins after the end. Everything but the reading is the answer's own.
    """

    def __init__(self, body: HTTPResponse, end: float) -> None:
        self._body = body
        self._end = end

    def stream(
        self,
        _size: int | None = None,
        decode_content: bool | None = None,  # noqa: FBT001  as urllib3 has it
    ) -> Iterator[bytes]:
        """Give the body piece by piece.

        Raises:
            requests.ReadTimeout: it was not whole in time. What was read is not to be used: without a length it looks whole.
        """
        while piece := self._body.read1(CHUNK, decode_content=decode_content):
            if time.monotonic() > self._end:
                self._body.close()
                raise ReadTimeout(f"no whole answer in {TOTAL_S:g} seconds")
            yield piece

    def __getattr__(self, name: str) -> Any:
        return getattr(self._body, name)
