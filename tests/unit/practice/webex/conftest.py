"""Real HTTP server for the webhooks of a practice Webex."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.fixtures.waiting import LIMIT_S


@dataclass
class Receiver:
    """HTTP server that keeps every notification and answers with ``status``."""

    url: str = ""
    status: int = 200
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def wait(self, count: int, seconds: float = LIMIT_S) -> list[dict[str, Any]]:
        """Wait for at least ``count`` notifications, and return all payloads so far."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.got) >= count, seconds), (
                f"{len(self.got)} of {count} came"
            )
            return [json.loads(body) for _, body in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Yield a running receiver of notifications on a free port."""
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with kept.arrived:
                kept.got.append((dict(self.headers), body))
                kept.arrived.notify_all()
            self.send_response(kept.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    kept.url = f"http://127.0.0.1:{server.server_port}/webhooks/webex"
    yield kept
    server.shutdown()
    thread.join()
    server.server_close()
