"""Fixtures of a practice Webex on a real Flask app, and of a real HTTP server for its webhooks."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import flask
import pytest

from practice.journal import Journal
from practice.settings import PracticeSettings
from practice.webex import Webex
from tests.fixtures.waiting import LIMIT_S

TOKEN = "practice-bot-token"


@dataclass
class Api:
    """Practice Webex with the calls of the bot and of people, over Flask's test client."""

    webex: Webex
    app: flask.Flask
    journal: Journal

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """Call the API as the bot."""
        headers = more.pop("headers", {"Authorization": f"Bearer {TOKEN}"})
        return self.app.test_client().open(
            f"/webex/v1{path}", method=method, json=body, headers=headers, **more
        )

    def do(self, path: str, body: Any = None, method: str = "POST") -> Any:
        """Act as a person, with a control route of the practice Webex."""
        return self.app.test_client().open(f"/practice/webex{path}", method=method, json=body)

    def room(self, name: str = "Contact center") -> str:
        """Return the id of a room by its title."""
        return next(room.id for room in self.webex.world.rooms.values() if room.title == name)

    def person(self, email: str) -> str:
        """Return the id of a person by the email address."""
        return self.webex.world.by_email(email).id


@pytest.fixture
def api() -> Iterator[Api]:
    """Yield a fresh practice Webex."""
    journal = Journal()
    webex = Webex(journal, PracticeSettings(bot_token=TOKEN))
    app = flask.Flask("test")
    for pages in [*webex.blueprints(), webex.control()]:
        app.register_blueprint(pages)
    yield Api(webex, app, journal)
    webex.stop()


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
