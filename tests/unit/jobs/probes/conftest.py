"""Fixtures with Webex's services on loopback, and with a mailbox that the bot can sign in to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from jobs.clouds.http import sync_client
from jobs.engine.step import StepContext
from jobs.microsoft.identity import Identity
from jobs.runs.run import Brief
from jobs.settings import Settings
from jobs.storage.vault import Vault
from tests.unit.jobs.conftest import MAILBOX


@dataclass
class Outside:
    """Scripted web services, whose answers are found by method and path.

    Each request is kept with its query, its headers and its body.
    """

    base: str = ""
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, list[str]], dict[str, str], Any]] = field(default_factory=list)

    def on(self, what: str, body: Any, status: int = 200) -> Outside:
        """Script the answer to a request, and return the services."""
        self.answers[what] = (status, body)
        return self


@pytest.fixture
def outside() -> Iterator[Outside]:
    """Yield a web server that runs in a thread and gives the scripted answers."""
    state = Outside()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts, length = urlsplit(self.path), int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            what, query = f"{self.command} {parts.path}", parse_qs(parts.query)
            headers = {name.lower(): value for name, value in self.headers.items()}
            state.asked.append((what, query, headers, body))
            status, content = state.answers.get(what, (404, {}))
            if callable(content):
                status, content = content(query)
            data = json.dumps(content, default=lambda moment: moment()).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_GET  # noqa: N815  the base's word

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base's word
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    state.base = f"http://127.0.0.1:{server.server_address[1]}"
    yield state
    server.shutdown()
    server.server_close()


@pytest.fixture
def configured(work_settings: Settings, outside: Outside) -> Callable[..., Settings]:
    """Return a function that makes settings for the loopback server, with the test's changes."""

    def make(**changes: str) -> Settings:
        values = {"contact_center_token": "token-1", "contact_center_org": "org-1"}
        values |= {"connect_audit_token": "token-2", "status_url": f"{outside.base}/status"}
        values["contact_center_url"] = f"{outside.base}/cc"
        values["connect_audit_url"] = f"{outside.base}/audit"
        return replace(work_settings, **(values | changes))  # type: ignore[arg-type]  # texts by their names

    return make


@pytest.fixture
def ctx(
    given: Callable[..., StepContext], vault: Vault, work_settings: Settings, provider: Any
) -> StepContext:
    """Return the context of a check of a mailbox whose user has signed in for the bot."""
    settings = replace(work_settings, login_url=provider.base, smtp_server="127.0.0.1:1")
    with sync_client(settings) as http:
        identity = Identity(settings.login_url, http, "organizations", "client-1", "s3cr~t.Value")
        scopes = ["https://outlook.office.com/SMTP.Send"]
        flow = identity.begin(scopes, "https://bot.test/callback", "state-1")
        cache = identity.finish(flow, provider.sign_in(flow["auth_uri"])).cache
    vault.put(f"check-secret:{MAILBOX}", "s3cr~t.Value", 60)
    vault.put(f"check-session:{MAILBOX}", cache, 60)
    return given(settings=settings, kind="check", brief=Brief(client_id="client-1"))
