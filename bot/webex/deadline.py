"""A call to Webex has an end. The time-out of requests is the longest pause between two bytes: an answer that drips never meets it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from threading import Lock, Timer

from requests import ReadTimeout
from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

TOTAL_S = 20.0
"""For one request and its whole answer, in seconds."""


class _Deadline:
    """Cuts the connection that its call reads from when the time is over, which wakes the reader up."""

    def __init__(self, seconds: float) -> None:
        self.over = False
        self._read: socket.socket | None = None
        self._lock = Lock()
        self._timer = Timer(seconds, self._end)
        self._timer.daemon = True
        self._timer.start()

    def reads(self, connection: socket.socket) -> None:
        """What the call reads from."""
        with self._lock:
            self._read = connection
            if self.over:
                _cut(connection)

    def stop(self) -> None:
        """The call has its answer: the connection may have another call already."""
        self._timer.cancel()
        with self._lock:
            self._read = None

    def _end(self) -> None:
        with self._lock:
            self.over = True
            if self._read is not None:
                _cut(self._read)


_CLOCK: ContextVar[_Deadline | None] = ContextVar("clock", default=None)


@contextmanager
def deadline() -> Iterator[None]:
    """What is called herein has to be over in time; inside another, the other's time counts.

    Raises:
        requests.ReadTimeout: it was not. What was read is not to be used: a cut answer without a length looks whole.
    """
    if _CLOCK.get() is not None:
        yield
        return
    clock = _Deadline(TOTAL_S)
    before = _CLOCK.set(clock)
    try:
        yield
    finally:
        clock.stop()
        _CLOCK.reset(before)
        if clock.over:
            raise ReadTimeout(f"no whole answer in {TOTAL_S:g} seconds")


def _cut(connection: socket.socket) -> None:
    """Below TLS, which must not be touched while another thread reads."""
    with suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


def _watch(connection: socket.socket | None) -> None:
    clock = _CLOCK.get()
    if clock is not None and connection is not None:
        clock.reads(connection)


class _Http(HTTPConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3 has it
        _watch(self.sock)
        return super().getresponse()


class _Https(HTTPSConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3 has it
        _watch(self.sock)
        return super().getresponse()


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


POOLS = {"http": _HttpPool, "https": _HttpsPool}
"""Connections that say what they read from."""
