"""Tests that the practice cloud's server keeps connections open, as the real clouds do."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from practice import tls
from practice.server import Server
from tests.fixtures.waiting import LIMIT_S

BODY = b"x" * 4000


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer with the path and body of the request.

    ``/ignored`` does not read its body, ``/stream`` has no length, and ``/empty`` has no body.
    """
    path = environ["PATH_INFO"]
    if path == "/empty":
        start_response("204 No Content", [])
        return [b""]
    if path == "/stream":
        start_response("200 OK", [])
        return iter([b"one ", b"two"])
    text = (
        path.encode() if path == "/ignored" else path.encode() + b" " + environ["wsgi.input"].read()
    )
    start_response("200 OK", [("Content-Length", str(len(text)))])
    return [text]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Server, tls.Tls]]:
    """Yield a listening server of the application, and its certificates."""
    made = tls.make(tmp_path)
    found = Server(0, app, made)
    found.start()
    yield found, made
    found.stop()


@pytest.fixture
def connection(server: tuple[Server, tls.Tls]) -> Iterator[http.client.HTTPSConnection]:
    """Yield an HTTPS connection to the server."""
    listening, made = server
    client = http.client.HTTPSConnection(
        "localhost", listening.server_port, timeout=LIMIT_S, context=made.client_context()
    )
    yield client
    client.close()


def ask(
    client: http.client.HTTPSConnection, method: str, path: str, body: bytes = b"", **headers: str
) -> tuple[int, bytes, bool]:
    """Send a request, and return status, body, and whether the same connection is still open."""
    if client.sock is None:
        client.connect()
    before = client.sock
    client.request(method, path, body or None, headers)
    answer = client.getresponse()
    content = answer.read()
    return answer.status, content, client.sock is before and not answer.will_close


def test_calls_follow_each_other_on_one_connection(connection: http.client.HTTPSConnection):
    """Calls follow each other on one connection, whether or not a request's body was read.

    Answers without a body keep the connection in order as well.
    """
    found = [
        ask(connection, "POST", "/read", b"first"),
        ask(connection, "POST", "/ignored", BODY),
        ask(connection, "DELETE", "/empty"),
        ask(connection, "HEAD", "/read"),
        ask(connection, "GET", "/read"),
    ]
    assert found == [
        (200, b"/read first", True),
        (200, b"/ignored", True),
        (204, b"", True),
        (200, b"", True),
        (200, b"/read ", True),
    ]


def test_an_answer_without_a_length_ends_with_its_connection(
    connection: http.client.HTTPSConnection,
):
    """An answer without a length closes its connection, because a stream has no other end."""
    assert ask(connection, "GET", "/stream") == (200, b"one two", False)


def test_a_body_that_is_asked_for_first_is_read(connection: http.client.HTTPSConnection):
    """The server answers ``Expect: 100-continue`` before the body comes."""
    connection.connect()
    assert connection.sock is not None
    connection.sock.sendall(
        b"POST /read HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"
    )
    first = connection.sock.recv(200)
    connection.sock.sendall(b"body")
    second = connection.sock.recv(400)
    assert first.startswith(b"HTTP/1.1 100")
    assert second.startswith(b"HTTP/1.1 200")


def test_stopping_hangs_up_on_whoever_only_waits(
    server: tuple[Server, tls.Tls], connection: http.client.HTTPSConnection
):
    """An open connection that only waits does not keep the server from stopping."""
    ask(connection, "GET", "/read")
    server[0].stop()
    assert isinstance(connection.sock, socket.socket)
    assert connection.sock.recv(10) == b""
