"""Session of the SDK: one origin, its deadline, and whom it trusts."""

import socket
import threading
import time
from contextlib import suppress
from functools import partial
from urllib.parse import urlsplit

import pytest

from bot.webex import session
from bot.webex.client import Webex
from bot.webex.errors import WebexError, WebexUnreachableError
from bot.webex.session import own_url
from jobs.clouds.http import RetryPolicy
from tests.fixtures.parsed import table
from tests.fixtures.serving import Quiet, Server, serving

PLACES = table("addresses")

ELSEWHERE = "http://127.0.0.2:9/v1/people/eve"


@pytest.mark.parametrize("status", [302, 308])
def test_no_redirect_is_followed(webex, webex_script, reply, hasty_retries, status):
    """The client follows no redirect, not even to another path of the same host."""
    elsewhere = {"Location": f"{webex_script.url}people/eve"}
    webex_script.on("GET", "/people/anna", reply(status, {}, elsewhere))
    webex_script.on("GET", "/people/eve", reply(body={"id": "eve"}))
    with pytest.raises(WebexError):
        webex.person("anna")
    assert {path for _, path, _ in webex_script.asked} == {"/people/anna"}


@pytest.mark.parametrize(
    ("following", "why"),
    [(ELSEWHERE, "InvalidSchema"), ("{at.path}memberships/2", "TooManyRedirects")],
)
def test_no_next_page_elsewhere(webex, webex_script, reply, hasty_retries, following, why):
    """A list whose next page is at another host, or is the same page again, ends with an error."""
    link = following.format(at=urlsplit(webex_script.url))
    page = reply(body={"items": []}, headers={"Link": f'<{link}>; rel="next"'})
    webex_script.on("GET", "/memberships", page)
    webex_script.on("GET", "/memberships/2", page)
    with pytest.raises(WebexUnreachableError, match=why):
        webex.members("room-1")


@pytest.mark.parametrize(
    "following",
    [
        "http://127.0.0.1:{at.port}{at.path}memberships/more?cursor=2",
        "http://localhost:{at.port}{at.path}memberships/more",
        "memberships/more",
    ],
)
def test_members_of_all_pages(webex, webex_script, reply, following):
    """The list of members continues as long as Webex names a next page.

    A next page with another loopback name or no host is read at the configured address.
    """
    link = following.format(at=urlsplit(webex_script.url))
    items = [{"personId": "bob"}]
    page = reply(body={"items": items}, headers={"Link": f'<{link}>; rel="next"'})
    webex_script.on("GET", "/memberships", page)
    webex_script.on("GET", "/memberships/more", reply(body={"items": [{"personId": "ann"}]}))
    assert [member.person_id for member in webex.members("room-1")] == ["bob", "ann"]


@pytest.mark.parametrize(("url", "api", "home"), PLACES["same_place"])
def test_what_counts_as_the_same_place(url, api, home):
    """The same host by name, loopback or default port is the same place, but others are not."""
    assert own_url(url, api) == home


ME = b'{"id": "bot-1", "emails": ["bot@webex.bot"]}'


class _Me(Quiet):
    def do_GET(self) -> None:  # noqa: N802  http.server's name
        self.reply(200, {}, ME)


@pytest.fixture
def address(certificate, monkeypatch):
    """Address of a Webex over TLS, with a certificate that nobody trusts yet."""
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    server = Server(_Me)
    server.socket = certificate.server_context().wrap_socket(server.socket, server_side=True)
    with serving(server):
        yield f"https://127.0.0.1:{server.server_port}/v1/"


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_an_authority_of_the_companys_own(address, certificate, monkeypatch, name):
    """SSL_CERT_FILE or REQUESTS_CA_BUNDLE is enough to trust a company's own authority.

    The same holds for Microsoft's clouds.
    """
    monkeypatch.setenv(name, str(certificate.cert))
    assert Webex("token", address).me().id == "bot-1"


def test_nobody_else_is_trusted(address, hasty_retries):
    """Without SSL_CERT_FILE and REQUESTS_CA_BUNDLE, the company's certificate is refused."""
    with pytest.raises(WebexUnreachableError):
        Webex("token", address).me()


LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n"
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(ME), ME)
ONCE = RetryPolicy(longest_wait_s=0.0, total_s=0.1)
# What comes at once; spaces drip after it.
DRIPS = {
    "an error": LENGTH.replace(b"200 OK", b"404 Not Found\r\nContent-Type: application/json"),
    "a body": LENGTH,
    "a body that looks whole": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + ME,
}
CALLS = {
    "a call": lambda webex, _: webex.me(),
    "a download": lambda webex, url: webex.download(f"{url}contents/1", 99),
    "a post": lambda webex, _: webex.send("t", room_id="r"),
}


class Dripping:
    """Server that answers with some bytes at once, and then with a byte every 20 milliseconds."""

    def __init__(self, wrap) -> None:
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
def dripping(request, certificate, monkeypatch, real_pauses):
    """Dripping server, over http and over TLS, and a client whose calls have 0.4 seconds."""
    monkeypatch.setattr(session, "TOTAL_S", 0.4)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.cert))
    wrap = partial(certificate.server_context().wrap_socket, server_side=True)
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
