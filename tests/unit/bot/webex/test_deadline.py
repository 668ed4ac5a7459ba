"""Deadlines for responses whose body arrives byte by byte, too quickly for a read timeout."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from bot.webex import session
from bot.webex.client import Webex, WebexUnreachableError
from jobs.clouds.retry import RetryPolicy

ME = b'{"id": "bot-1", "emails": ["bot@webex.bot"]}'
LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n"
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(ME), ME)
ONCE = RetryPolicy(longest_wait_s=0.0, total_s=0.1)
# What comes at once; spaces drip after it.
DRIPS = {
    "an error": LENGTH.replace(b"200 OK", b"404 Not Found\r\nContent-Type: application/json"),
    "a body": LENGTH,
    "a body that looks whole": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + ME,
}
CALLS: dict[str, Callable[[Webex, str], Any]] = {
    "a call": lambda webex, _: webex.me(),
    "a download": lambda webex, url: webex.download(f"{url}contents/1"),
    "a post": lambda webex, _: webex.send(room_id="r", text="t"),
}


class Dripping:
    """Server that answers with some bytes at once, and then with a byte every 20 milliseconds."""

    def __init__(self, wrap: Callable[[socket.socket], socket.socket]) -> None:
        self.at_once, self.drips = b"", b""
        self.connections = 0
        self._wrap = wrap
        self.ends = threading.Event()
        self.listens = socket.create_server(("127.0.0.1", 0))
        self.port = self.listens.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                came, _ = self.listens.accept()
                self.connections += 1
                self._threads.append(threading.Thread(target=self._serve, args=(came,)))
                self._threads[-1].start()

    def _serve(self, came: socket.socket) -> None:
        with suppress(OSError), self._wrap(came) as connection:
            while connection.recv(65536):
                connection.sendall(self.at_once)
                for each in self.drips:
                    if self.ends.wait(0.02):
                        return
                    connection.sendall(bytes([each]))

    def stop(self) -> None:
        """Stop the server in the middle of any answer."""
        self.ends.set()
        self.listens.shutdown(socket.SHUT_RDWR)
        self.listens.close()
        for each in self._threads:
            each.join(5)


@pytest.fixture(params=["http", "https"])
def dripping(
    request, certificate, monkeypatch, real_pauses
) -> Iterator[tuple[Dripping, Webex, str]]:
    """Dripping server, over http and over TLS, and a client whose calls have 0.4 seconds."""
    monkeypatch.setattr(session, "TOTAL_S", 0.4)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.cert))
    context = certificate.server_context()
    wrap = partial(context.wrap_socket, server_side=True)
    server = Dripping(wrap if request.param == "https" else lambda came: came)
    url = f"{request.param}://127.0.0.1:{server.port}/v1/"
    webex = Webex("a-made-up-token", url, ONCE)
    yield server, webex, url
    webex._api._session._req_session.close()  # noqa: SLF001  a process of the bot keeps it until its end
    server.stop()


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("drip", DRIPS)
def test_an_answer_that_drips_ends_in_time(dripping, drip, call):
    """A response in small pieces times out like a missing one, and never counts as whole.

    A posted message may exist then.
    """
    server, webex, url = dripping
    server.at_once, server.drips = DRIPS[drip], b" " * 4000
    with pytest.raises(WebexUnreachableError, match="ReadTimeout") as caught:
        CALLS[call](webex, url)
    assert caught.value.accepted


@pytest.mark.slow
def test_a_call_that_is_over_is_not_cut(dripping, monkeypatch):
    """The connection of a finished call serves the next call, however much later."""
    monkeypatch.setattr(session, "TOTAL_S", 2.0)
    server, webex, _ = dripping
    server.at_once = WHOLE
    names = [webex.me().id]
    time.sleep(2.2)
    assert ([*names, webex.me().id], server.connections) == (["bot-1", "bot-1"], 1)
