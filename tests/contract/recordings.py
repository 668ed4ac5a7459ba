"""Recorded traffic of the real services, and a server that answers with it byte by byte.

The recordings are next to the project (``practice/shared.py``) and no part of it.
"""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from practice.shared import ABSENT, SHARED

Json = dict[str, Any]
FOLDER = SHARED / "recordings"
COUNTS = {"graph": 111, "exchange": 36, "token": 8, "smtp": 14, "webex": 11}
"""Number of entries in each file. A test compares it, so that no entry is lost unnoticed."""
needed = pytest.mark.skipif(not FOLDER.exists(), reason=ABSENT)
OF_CONNECTION = frozenset({"transfer-encoding", "content-length", "connection"})
"""Names of headers that say how a body is sent. The server of the tests sets them again."""


@cache
def entries(name: str) -> tuple[Json, ...]:
    """Return the entries of one file of recordings, or none if the recordings are absent."""
    path = FOLDER / f"{name}.json"
    return tuple(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else ()


def cases(name: str) -> list[Any]:
    """Return a test case for each entry of a file."""
    return [pytest.param(entry, id=entry["id"]) for entry in entries(name)]


def entry(name: str, number: str) -> Json:
    """Return the entry of a file that has this id."""
    return next(each for each in entries(name) if each["id"] == number)


def has_answer(entry: Json) -> bool:
    """Return whether the entry is an answer. Other entries claim a behavior in words."""
    return "claim" not in entry


def body_of(response: Json) -> bytes:
    """Return the body of a recorded answer as it was sent: NUL bytes, nothing, or encoded JSON."""
    if nuls := response.get("body_nul_bytes"):
        return b"\0" * int(nuls)
    if response.get("body") is None:
        return b""
    text = json.dumps(response["body"]).encode()
    encoding = {name.lower(): value for name, value in response["headers"].items()}.get(
        "content-encoding", ""
    )
    return gzip.compress(text) if encoding == "gzip" else text


@dataclass
class Player:
    """HTTP server that answers every request with the same recording.

    The field ``asked`` has the requests. The field ``after`` is the answer from the second request
    on, if it differs.
    """

    base: str = ""
    answer: Json = field(default_factory=dict)
    after: Json | None = None
    asked: list[tuple[str, str, bytes]] = field(default_factory=list)

    def play(self, response: Json, after: Json | None = None) -> Player:
        """Answer with this recording from now on."""
        self.answer, self.after = response, after
        self.asked.clear()
        return self

    def next(self) -> Json:
        """Return the answer to the newest request."""
        return self.after if self.after is not None and len(self.asked) > 1 else self.answer


@contextmanager
def player() -> Iterator[Player]:
    """Yield a player on a loopback port."""
    state = Player()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            state.asked.append((self.command, self.path, self.rfile.read(length)))
            response = state.next()
            body = body_of(response)
            self.send_response_only(response["status"])
            for name, value in response["headers"].items():
                if name.lower() not in OF_CONNECTION:
                    self.send_header(name, value)
            if response["status"] != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815  http.server's names

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  http.server's word
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.base = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield state
    server.shutdown()
    thread.join()
    server.server_close()
