"""Commands of the bot in the process of their test.

A process of its own takes ten times as long, because it imports the bot. It is for what depends on a
process: its start, its environment, its signals and its end.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest
import structlog
from cryptography.fernet import Fernet

from bot.__main__ import main
from tests.fixtures.waiting import LIMIT_S

Here = Callable[..., subprocess.CompletedProcess[str]]
ENV = {
    "PATH": os.environ["PATH"],
    "PYTHONPATH": str(Path(__file__).parents[2]),
    "WEBEX_ACCESS_TOKEN": "a-made-up-token",
    "WEBEX_WEBHOOK_SECRET": "Yw3k0Vd81nHb4xQz",
    "WEBEX_API_URL": "http://127.0.0.1:9/v1/",
    "PUBLIC_URL": "https://bot.example.test",
    "ALLOWED_EMAIL_DOMAINS": "example.test",
    "MICROSOFT_CLIENT_ID": "client",
    "MICROSOFT_CLIENT_SECRET": "secret-of-the-app",
    "ENCRYPTION_KEYS": Fernet.generate_key().decode(),
}


@contextmanager
def running(command: str, env: dict[str, str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command of the bot in a process of its own until the end of the block."""
    line = [sys.executable, "-m", "bot", command]
    process = subprocess.Popen(line, env=ENV | env, **options)  # noqa: S603  our own command line
    try:
        yield process
    finally:
        process.terminate()
        process.wait(LIMIT_S)


@pytest.fixture
def worker(settings, redis, webex_script, reply, tmp_path) -> Iterator[subprocess.Popen[bytes]]:
    """Real ``python -m bot worker``, with a Webex that knows the bot and has no webhook yet.

    Its log is worker.log in the test's folder.
    """
    me = {"id": "bot", "emails": ["email@webex.bot"], "type": "bot", "displayName": "Email"}
    webex_script.on("GET", "/people/me", reply(200, me))
    webex_script.on("GET", "/webhooks", reply(200, {"items": []}))
    webex_script.on("POST", "/webhooks", reply(200, {"id": "w"}))
    env = {"WEBEX_API_URL": settings.webex_api_url, "REDIS_URL": settings.redis_url}
    with (tmp_path / "worker.log").open("wb") as log, running("worker", env, stderr=log) as process:
        yield process


@pytest.fixture
def here(capfdbinary, monkeypatch) -> Iterator[Here]:
    """Return a function that runs a command with this environment and this standard input."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def run(
        command: str, env: dict[str, str], *options: str, given: bytes = b""
    ) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(given)))
        capfdbinary.readouterr()
        code = main([command, *options], env)
        told = capfdbinary.readouterr()
        return subprocess.CompletedProcess(command, code, told.out.decode(), told.err.decode())

    yield run
    structlog.reset_defaults()
    logging.basicConfig(level=level, handlers=handlers, force=True)
