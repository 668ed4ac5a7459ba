"""Web process: its answers, its end, its patience with stalled clients, and its WSGI object."""

import http.client
import select
import signal
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from practice import ports
from tests.fixtures.redis_servers import listens
from tests.fixtures.waiting import LIMIT_S, ran, until
from tests.processes.conftest import ENV, running

pytestmark = pytest.mark.usefixtures("redis")

SERVER = """
import sys, time
from pathlib import Path
from flask import Blueprint
from redis import Redis
from bot.queue import connect_for_web
from bot.settings import BotSettings
from bot.web.wsgi import serve
from tests.fixtures.site import create_app

pages = Blueprint("pages", __name__)

@pages.get("/pages/slow")
def slow():
    Path(sys.argv[3]).touch()
    time.sleep(1.0)
    return "done"

settings = BotSettings("token", ("0123456789abcdef",), "https://bot.example.test", ("example.test",))
redis = connect_for_web(sys.argv[1])
serve(create_app(settings, redis, [pages]), redis, int(sys.argv[2]), "127.0.0.1")
"""


@contextmanager
def serving(redis_url, folder):
    """Run a real web process until the end of the block; yield it and its port."""
    port = ports.free_port()
    with running("-c", SERVER, redis_url, port, folder / "began") as process:
        until(lambda: listens(port), "the web process")
        yield process, port


@pytest.fixture(scope="module")
def port(redis_url, tmp_path_factory):
    """Port of a real web process, which serves all tests that do not end it."""
    with serving(redis_url, tmp_path_factory.mktemp("web")) as (_, made):
        yield made


def test_the_server_does_not_say_what_it_is(port):
    """The server sends no Server header, so its version is not shown."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
    connection.request("GET", "/healthz")
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert (answer.status, answer.getheader("Server")) == (200, None)


def test_sigterm_lets_a_request_finish(redis_url, tmp_path):
    """After SIGTERM the server finishes the current response and exits with 0."""
    with serving(redis_url, tmp_path) as (process, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
        connection.request("GET", "/pages/slow")
        until((tmp_path / "began").exists, "the request")
        process.send_signal(signal.SIGTERM)
        answer = connection.getresponse()
        assert (answer.status, answer.read(), process.wait(LIMIT_S)) == (200, b"done", 0)
        connection.close()


LENGTHS = {
    "both": (b"HTTP/1.1", b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", b"400"),
    "the other way around": (
        b"HTTP/1.1",
        b"transfer-encoding: chunked\r\ncontent-length: 4\r\n",
        b"400",
    ),
    "a length of nothing": (
        b"HTTP/1.1",
        b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
        b"400",
    ),
    "chunks in HTTP/1.0": (
        b"HTTP/1.0",
        b"Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n",
        b"400",
    ),
    "chunks alone": (b"HTTP/1.1", b"Transfer-Encoding: chunked\r\n", b"415"),
    "a length alone": (b"HTTP/1.1", b"Content-Length: 5\r\n", b"415"),
}


@pytest.mark.parametrize("how", LENGTHS)
def test_a_request_has_one_length(port, how):
    """A request with two lengths is refused, as RFC 9112, 6.1 demands.

    A second request on the connection is only answered if the first one was clear.
    """
    version, headers, status = LENGTHS[how]
    first = b"POST /webhooks/webex " + version + b"\r\nHost: x\r\n" + headers + b"\r\n0\r\n\r\n"
    second = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S) as client:
        client.sendall(first + second)
        answers = b"".join(iter(lambda: client.recv(65_536), b""))
    statuses = [line.split()[1] for line in answers.split(b"\r\n") if line.startswith(b"HTTP/1.")]
    assert statuses == ([status] if status == b"400" else [status, b"200"])


@pytest.mark.parametrize(
    ("version", "hosts", "status"),
    [
        (b"1.1", b"Host: a.example\r\n", b"200"),
        (b"1.1", b"", b"400"),
        (b"1.1", b"Host: a.example\r\nHost: b.example\r\n", b"400"),
        (b"1.0", b"Host: a.example\r\nHost: a.example\r\n", b"400"),
        (b"1.0", b"", b"200"),
    ],
)
def test_a_request_has_one_host(port, version, hosts, status):
    """A request with two hosts, or of HTTP/1.1 without one, is refused, as RFC 9112, 3.2 demands."""
    with socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S) as client:
        client.sendall(
            b"GET /healthz HTTP/" + version + b"\r\n" + hosts + b"Connection: close\r\n\r\n"
        )
        assert b"".join(iter(lambda: client.recv(65_536), b"")).split()[1] == status


def test_stalled_clients_do_not_keep_others_waiting(port):
    """Clients that stop after half a request do not delay the next client.

    They are more clients than waitress accepts by default.
    """
    stalled = [socket.create_connection(("127.0.0.1", port)) for _ in range(150)]
    for each in stalled:
        each.sendall(b"POST /webhooks/webex HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nhalf")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
    connection.request("GET", "/healthz")
    assert (connection.getresponse().status, select.select(stalled, [], [], 0)[0]) == (200, [])
    for each in (*stalled, connection):
        each.close()


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
def forks(spawn, redis, redis_url, tmp_path, free_port):
    """Ports of two forks of a process that has loaded the application and asked Redis."""
    both = free_port, ports.free_port()
    spawn("-c", PREFORK, *both, env=ENV | {"REDIS_URL": redis_url}, cwd=tmp_path)
    until(lambda: all(status(port, "/healthz") == 200 for port in both), "both forks")
    return both


def status(port, path):
    """Return the status of an answer, or 0 without an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def test_forks_share_no_connection(forks):
    """Each forked process has its own connection to Redis and serves the pages."""
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda number: status(forks[number % 2], "/healthz"), range(60)))
    pages = [status(port, path) for port in forks for path in ("/pages/page.css", "/signin/x")]
    assert (answers, pages) == ([200] * 60, [200, 404, 200, 404])


def test_bad_settings_end_the_server():
    """Bad settings end the server with a line for each problem and exit code 3.

    On this code gunicorn ends, too.
    """
    line = (sys.executable, "-c", "from bot.web.wsgi import app")
    done = ran(*line, env=ENV | {"PUBLIC_URL": ""})
    assert (done.returncode, done.stderr.splitlines()) == (
        3,
        [
            (
                "PUBLIC_URL is not set: the https address at which Webex and browsers reach this bot,"
                " such as https://bot.example.com"
            )
        ],
    )
