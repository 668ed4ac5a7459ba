"""A scripted Webex on loopback, and the bot's settings for it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest
import stamina

from bot.settings import BotSettings
from bot.webex import Webex


@dataclass
class Reply:
    """What the scripted Webex answers once. A status of 0 closes the connection without an answer."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class WebexScript:
    """An HTTP server that answers what a test told it to, in order (the last answer again and again), and writes down what it was asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[tuple[str, str, Any]] = []
        self._replies: dict[tuple[str, str], list[Reply]] = {}

    def on(self, method: str, path: str, *replies: Reply) -> None:
        """Answers for one path under /v1."""
        self._replies[method, f"/v1{path}"] = list(replies)

    def answer(self, method: str, path: str) -> Reply:
        """The next answer."""
        replies = self._replies.get((method, urlsplit(path).path), [Reply(404, {"message": "not scripted"})])
        return replies.pop(0) if len(replies) > 1 else replies[0]


@pytest.fixture
def webex_script() -> Iterator[WebexScript]:
    """A scripted Webex, listening."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.script = WebexScript(f"http://127.0.0.1:{server.server_port}/v1/")  # type: ignore[attr-defined]  # the handler reads it
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server.script  # type: ignore[attr-defined]  # see above
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def webex(webex_script: WebexScript) -> Webex:
    """The bot's client for the scripted Webex."""
    return Webex("a-made-up-token", webex_script.url)


@pytest.fixture
def settings(webex_script: WebexScript, redis_url: str) -> BotSettings:
    """Settings for the scripted Webex and the Valkey of the tests."""
    return BotSettings(
        webex_access_token="a-made-up-token",
        webhook_secrets=("new-secret-0123456789", "old-secret-0123456789"),
        public_url="https://bot.example.test",
        allowed_email_domains=("example.test",),
        webex_api_url=webex_script.url,
        redis_url=redis_url,
    )


@pytest.fixture
def reply() -> type[Reply]:
    """The answers of the scripted Webex."""
    return Reply


@pytest.fixture
def hasty_retries() -> Iterator[None]:
    """Retries without their waiting, by stamina's own switch: the same number of tries, at once."""
    with stamina.set_testing(True, attempts=2, cap=True):
        yield


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def _serve(self) -> None:
        script: WebexScript = self.server.script  # type: ignore[attr-defined]  # set by the fixture
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        script.asked.append((self.command, self.path.removeprefix("/v1"), json.loads(body) if body else None))
        reply = script.answer(self.command, self.path)
        if reply.status == 0:
            return
        content = reply.body if isinstance(reply.body, bytes) else b"" if reply.body is None else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        for name, value in ({"Content-Type": "application/json", "Content-Length": str(len(content))} | reply.headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815  http.server's names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  http.server's signature
        """Say nothing."""
