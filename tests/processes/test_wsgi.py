"""WSGI object, which serves from processes that are forked after it was loaded."""

from __future__ import annotations

import http.client
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from practice import ports
from tests.fixtures.waiting import LIMIT_S, until
from tests.processes.conftest import ENV

PREFORK = """
import os, signal, sys
from wsgiref.simple_server import WSGIRequestHandler, make_server
from werkzeug.test import Client
from bot.web.wsgi import app
WSGIRequestHandler.log_message = lambda *_: None
assert Client(app).get("/healthz").status_code == 200
children = []
for port in sys.argv[1:]:
    if (pid := os.fork()) == 0:
        make_server("127.0.0.1", int(port), app).serve_forever()
    children.append(pid)
signal.signal(signal.SIGTERM, lambda *_: [os.kill(pid, signal.SIGKILL) for pid in children])
for pid in children:
    os.waitpid(pid, 0)
"""


@pytest.fixture
def forks(redis_url: str, tmp_path: Path, free_ports: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Ports of two forks of a process that has loaded the application and asked Redis."""
    line = [sys.executable, "-c", PREFORK, *map(str, free_ports)]
    server = subprocess.Popen(line, env=ENV | {"REDIS_URL": redis_url}, cwd=tmp_path)  # noqa: S603
    until(lambda: all(status(port, "/healthz") == 200 for port in free_ports), "both forks")
    yield free_ports
    server.terminate()
    server.wait(LIMIT_S)


@pytest.fixture
def free_ports(free_port: int) -> tuple[int, int]:
    """Return two free ports."""
    return free_port, ports.free_port()


def status(port: int, path: str) -> int:
    """Return the status of an answer, or 0 without an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def test_forks_share_no_connection(forks: tuple[int, int]):
    """Each forked process has its own connection to Redis and serves the pages."""
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda number: status(forks[number % 2], "/healthz"), range(60)))
    pages = [status(port, path) for port in forks for path in ("/pages/page.css", "/signin/x")]
    assert (answers, pages) == ([200] * 60, [200, 404, 200, 404])


def test_bad_settings_end_the_server():
    """Bad settings end the server with a line for each problem and exit code 3.

    On this code gunicorn ends, too.
    """
    done = subprocess.run(
        [sys.executable, "-c", "from bot.web.wsgi import app"],
        env=ENV | {"PUBLIC_URL": ""},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert (done.returncode, done.stderr.splitlines()) == (
        3,
        [
            (
                "PUBLIC_URL is not set: the https address at which Webex and browsers reach this bot,"
                " such as https://bot.example.com"
            )
        ],
    )
