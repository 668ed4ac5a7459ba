"""Deadline for every call to Webex.

The timeout of requests limits only the pause between two bytes, which a slowly dripping body never
exceeds. So the clock is read between two reads of the body. ``http.client`` reads the status line,
the headers and the size of a chunk in one call. If these drip, only the timeout between two bytes
applies, and in a worker RQ's own timeout ends the job (:data:`bot.queue.JOB_TIMEOUT_S`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from requests import ReadTimeout
from urllib3 import HTTPResponse

TOTAL_S = 20.0
"""Seconds for one request and its whole answer. The last read may add its own timeout."""
CHUNK = 65_536


class TimedBody:
    """Body of an answer, as requests reads it.

    Each read returns the available bytes, and none begins after the deadline. All other attributes
    are those of the original body.
    """

    def __init__(self, body: HTTPResponse, end: float) -> None:
        self._body = body
        self._end = end

    def stream(
        self,
        _size: int | None = None,
        decode_content: bool | None = None,  # noqa: FBT001  as urllib3 has it
    ) -> Iterator[bytes]:
        """Yield the body in pieces.

        Raises:
            requests.ReadTimeout: The body was not complete in time. Do not use the part that was
                read, because without a length it looks complete.
        """
        while piece := self._body.read1(CHUNK, decode_content=decode_content):
            if time.monotonic() > self._end:
                self._body.close()
                raise ReadTimeout(f"no whole answer in {TOTAL_S:g} seconds")
            yield piece

    def __getattr__(self, name: str) -> Any:
        return getattr(self._body, name)
