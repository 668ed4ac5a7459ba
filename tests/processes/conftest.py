"""Commands of the bot in the process of their test.

A process of its own takes ten times as long, because it imports the bot. It is for what depends on a
process: its start, its environment, its signals and its end.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from tests.fixtures.waiting import LIMIT_S, ran

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
def running(
    *arguments: object, env: dict[str, str] = ENV, **options: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """Run Python with these arguments in a process of its own until the end of the block."""
    line = [sys.executable, *map(str, arguments)]
    process = subprocess.Popen(line, env=ENV | env, **options)  # noqa: S603  our own command line
    try:
        yield process
    finally:
        process.terminate()
        process.wait(LIMIT_S)


def run(
    line: tuple[str, ...], folder: Path, **env: str
) -> tuple[int, str, subprocess.CompletedProcess[str]]:
    """Run a command of the bot to its end.

    Return its exit code, its last line and the finished process.
    """
    done = ran(sys.executable, "-m", "bot", *line, env=ENV | env, cwd=folder)
    assert "Traceback" not in done.stderr
    return done.returncode, (done.stderr.splitlines() or [""])[-1], done


@pytest.fixture
def spawn():
    """Return a function that runs Python with these arguments until the end of the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: object, **options: Any) -> subprocess.Popen[bytes]:
        line = [sys.executable, *map(str, arguments)]
        quiet = {"stderr": subprocess.DEVNULL}
        started.append(subprocess.Popen(line, **quiet | options))  # noqa: S603  our own command line
        return started[-1]

    yield start
    for process in started:
        process.terminate()
        process.communicate()


@pytest.fixture
def worker(settings, redis, webex_script, reply, tmp_path):
    """Real ``python -m bot worker``, with a Webex that knows the bot and has no webhook yet.

    Its log is worker.log in the test's folder.
    """
    me = {"id": "bot", "emails": ["email@webex.bot"], "type": "bot", "displayName": "Email"}
    webex_script.on("GET", "/people/me", reply(200, me))
    webex_script.on("GET", "/webhooks", reply(200, {"items": []}))
    webex_script.on("POST", "/webhooks", reply(200, {"id": "w"}))
    env = {"WEBEX_API_URL": settings.webex_api_url, "REDIS_URL": settings.redis_url}
    bot = ("-m", "bot", "worker")
    with (tmp_path / "worker.log").open("wb") as log, running(*bot, env=env, stderr=log) as process:
        yield process
