"""A scripted Webex on loopback, and the bot's settings for it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest
import stamina
from cryptography.fernet import Fernet
from redis import Redis

from bot.audience import looked_at
from bot.desk import Desk, use
from bot.settings import BotSettings
from bot.talk import Talk
from bot.webex import HURRIED, Webex, WebexPerson
from jobs.clock import now
from jobs.model import Channel, Person
from jobs.run import Event, Kind, Run
from jobs.settings import Settings


@dataclass
class Reply:
    """What the scripted Webex answers once, after so many seconds. A status of 0 closes the connection without an answer."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0


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
def webex(webex_script: WebexScript) -> Iterator[Webex]:
    """The bot's client for the scripted Webex."""
    client = Webex("a-made-up-token", webex_script.url)
    yield client
    client._api._session._req_session.close()  # noqa: SLF001  a process of the bot keeps it until its end


@pytest.fixture
def hurried(webex_script: WebexScript) -> Iterator[Webex]:
    """The same, as a process of the bot has it: it does not sleep for long."""
    client = Webex("a-made-up-token", webex_script.url, HURRIED)
    yield client
    client._api._session._req_session.close()  # noqa: SLF001  as above


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
        script.asked.append((self.command, self.path.removeprefix("/v1"), _read(self.headers.get("Content-Type") or "", body)))
        reply = script.answer(self.command, self.path)
        time.sleep(reply.delay_s)
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


def _read(kind: str, body: bytes) -> Any:
    """JSON as it is; of a form its fields, a file among them as bytes."""
    if not kind.startswith("multipart/"):
        return json.loads(body) if body else None
    parts = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + body).iter_parts()
    fields = [(part.get_param("name", header="content-disposition"), part.get_filename(), part.get_payload(decode=True)) for part in parts]
    return {name: content if file else content.decode() for name, file, content in fields}


@pytest.fixture
def desk(settings: BotSettings, webex: Webex, webex_script: WebexScript, redis: Redis) -> Desk:
    """The conversation's parts with an empty Valkey, in use; Webex takes every message and edit."""
    work = Settings("https://bot.example.test", settings.redis_url, "bot-app", "bot-secret", (Fernet.generate_key().decode(),))
    made = Desk(settings, work, redis, webex)
    looked_at(made, "room-1")
    use(made)
    webex_script.on("GET", "/people/me", Reply(body=person("bot-1", "emailbot@webex.bot", type="bot", displayName="Email Bot")))
    webex_script.on("GET", "/people/anna", Reply(body=person("anna", "anna@example.test")))
    webex_script.on("POST", "/messages", Reply(body={"id": "posted-1"}), Reply(body={"id": "posted-2"}), Reply(body={"id": "posted-3"}))
    webex_script.on("PUT", "/messages/posted-1", Reply(body={"id": "posted-1"}))
    return made


def person(identifier: str, email: str, **more: Any) -> dict[str, Any]:
    """A person as the People API tells it."""
    return {"id": identifier, "emails": [email], "orgId": "org-1", "type": "person", "displayName": "Anna"} | more


@pytest.fixture
def anna(desk: Desk) -> Talk:
    """Anna, who asks for runs, pressing a button in the space."""
    return Talk(
        desk,
        WebexPerson("anna", "anna@example.test", "org-1", "person", "Anna"),
        "room-1",
        direct=False,
        thread="thread-1",
        message="card-1",
    )


@pytest.fixture
def begin(desk: Desk) -> Callable[..., Run]:
    """Opens a run of Anna's with the events that follow; details are in unless ``detailed`` is false."""

    def opened(*events: Event, detailed: bool = True, kind: str = "setup") -> Run:
        place = {"room": "room-1", "thread": "thread-1", "type": "group", "message": "typed-1", "kind": kind}
        channel = Channel("support@example.test", "https://uk.webexconnect.io/callback", "x1@mail.webexconnect.io")
        run = desk.store.open(channel, Person("anna", "anna@example.test", "org-1"), place)
        details = [Event(Kind.DETAILS, now(), channel=channel)] if detailed else []
        for event in (*details, *events):
            desk.store.append(run.id, event)
        return desk.store.load(run.id)

    return opened


@pytest.fixture
def said(webex_script: WebexScript) -> Callable[[], list[tuple[str, str]]]:
    """What the bot has posted and edited so far: method and text."""
    return lambda: [(method, str(body["text"])) for method, path, body in webex_script.asked if method != "GET" and "/messages" in path]
