from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Blueprint, Flask, Response
from redis import Redis

from bot.queue import connect_for_web
from bot.settings import BotSettings
from bot.web.app import HEADERS, create_app

SERVER = """
import sys, time
from flask import Blueprint
from redis import Redis
from bot.queue import connect_for_web
from bot.settings import BotSettings
from bot.web.app import create_app, serve

pages = Blueprint("pages", __name__)

@pages.get("/slow")
def slow():
    time.sleep(1.0)
    return "done"

settings = BotSettings("token", ("0123456789abcdef",), "https://bot.example.test", ("example.test",))
serve(create_app(settings, connect_for_web(sys.argv[1]), [pages]), int(sys.argv[2]), "127.0.0.1")
"""


@pytest.fixture
def app(settings: BotSettings, redis: Redis) -> Flask:
    """The application with three pages of a test."""
    pages = Blueprint("pages", __name__)
    pages.add_url_rule("/broken", view_func=_broken)
    pages.add_url_rule("/own", view_func=_own)
    pages.add_url_rule("/page", view_func=_page)
    return create_app(settings, redis, [pages])


def _page() -> str:
    return "<p>fine</p>"


def _own() -> Response:
    return Response("x", headers={"Content-Security-Policy": "default-src 'self'"})


def _broken() -> str:
    raise RuntimeError("private words")


@pytest.fixture
def server(redis_url: str, free_port: int, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The real web process, listening."""
    script = tmp_path / "server.py"
    script.write_text(SERVER)
    process = subprocess.Popen([sys.executable, str(script), redis_url, str(free_port)], env={"PYTHONPATH": str(Path.cwd())})  # noqa: S603  our own
    _until_it_listens(free_port)
    yield process, free_port
    process.kill()
    process.wait()


def _until_it_listens(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail("the web process did not start")


def test_health_with_redis(app: Flask):
    """While Redis answers, a platform's probe sees 200."""
    answer = app.test_client().get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok", "redis": "ok"})


def test_health_without_redis(settings: BotSettings, free_port: int):
    """Without Redis the probe sees 503, within a second."""
    began = time.monotonic()
    answer = create_app(settings, connect_for_web(f"redis://127.0.0.1:{free_port}/0")).test_client().get("/healthz")
    assert (answer.status_code, answer.json) == (503, {"status": "unavailable", "redis": "unreachable"})
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("path", ["/page", "/healthz", "/nowhere", "/broken", "/webhooks/webex"])
def test_security_headers_are_on_every_answer(app: Flask, path: str):
    """Pages, errors and machine answers alike."""
    answer = app.test_client().get(path)
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert "form-action 'self'" in HEADERS["Content-Security-Policy"]


def test_a_page_may_bring_its_own_policy(app: Flask):
    """A header that a page has set stays."""
    assert app.test_client().get("/own").headers["Content-Security-Policy"] == "default-src 'self'"


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [("/nowhere", 404, "404 NOT FOUND\n"), ("/broken", 500, "500 INTERNAL SERVER ERROR\n"), ("/webhooks/webex", 405, "")],
)
def test_error_pages_are_plain(app: Flask, path: str, status: int, text: str):
    """An error shows HTTP's own words for it: no stack, no names of ours."""
    answer = app.test_client().get(path)
    assert (answer.status_code, answer.text, answer.content_type) == (status, text, "text/plain; charset=utf-8")


def test_the_server_does_not_say_what_it_is(server: tuple[subprocess.Popen[bytes], int]):
    """No Server header for whoever collects versions."""
    connection = http.client.HTTPConnection("127.0.0.1", server[1], timeout=5)
    connection.request("GET", "/healthz")
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert (answer.status, answer.getheader("Server")) == (200, None)


def test_sigterm_lets_a_request_finish(server: tuple[subprocess.Popen[bytes], int]):
    """What is being answered is answered; then the process ends with 0."""
    process, port = server
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/slow")
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    answer = connection.getresponse()
    assert (answer.status, answer.read(), process.wait(5)) == (200, b"done", 0)
    connection.close()


def test_stalled_clients_do_not_keep_others_waiting(server: tuple[subprocess.Popen[bytes], int]):
    """Clients that send half a request and stop, more than waitress takes by default: the next one is answered at once (facts/parts.md G)."""
    stalled = [socket.create_connection(("127.0.0.1", server[1])) for _ in range(150)]
    for each in stalled:
        each.sendall(b"POST /webhooks/webex HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nhalf")
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", server[1], timeout=5)
    connection.request("GET", "/healthz")
    answer = connection.getresponse()
    assert (answer.status, time.monotonic() - began < 1) == (200, True)
    for each in (*stalled, connection):
        each.close()
