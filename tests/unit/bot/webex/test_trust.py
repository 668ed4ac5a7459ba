"""Webex behind a certificate authority of the company, trusted as for the other clouds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from typing import Any

import pytest

from bot.webex import session
from bot.webex.client import Webex, WebexUnreachableError


class _Me(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        content = b'{"id": "bot-1", "emails": ["bot@webex.bot"]}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Write no log."""


@pytest.fixture
def address(certificate, monkeypatch) -> Iterator[str]:
    """Address of a Webex over TLS, with a certificate that nobody trusts yet."""
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Me)
    server.socket = certificate.server_context().wrap_socket(server.socket, server_side=True)
    threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    ).start()
    yield f"https://127.0.0.1:{server.server_port}/v1/"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_an_authority_of_the_companys_own(address, certificate, monkeypatch, name):
    """SSL_CERT_FILE or REQUESTS_CA_BUNDLE is enough to trust a company's own authority.

    The same holds for Microsoft's clouds.
    """
    monkeypatch.setenv(name, str(certificate.cert))
    assert Webex("token", address).me().id == "bot-1"


def test_the_public_authorities_are_read_once(address, certificate, monkeypatch):
    """All connections share the public authorities, which are read only once.

    Reading them takes longer than a handshake.
    """
    monkeypatch.setattr(session, "DEFAULT_CA_BUNDLE_PATH", str(certificate.cert))
    session.public_authorities.cache_clear()
    read: list[object] = []
    monkeypatch.setattr(SSLContext, "load_verify_locations", _noting(read))
    try:
        assert [Webex("token", address).me().id for _ in range(3)] == ["bot-1"] * 3
    finally:
        session.public_authorities.cache_clear()
    assert len(read) == 1


def _noting(read: list[object]) -> Callable[..., None]:
    """Return a method that loads authorities into a context and notes them in the list."""
    original = SSLContext.load_verify_locations

    def load(context: SSLContext, *places: Any, **named: Any) -> None:
        read.append(named or places)
        original(context, *places, **named)

    return load


def test_nobody_else_is_trusted(address, hasty_retries):
    """Without SSL_CERT_FILE and REQUESTS_CA_BUNDLE, the company's certificate is refused."""
    with pytest.raises(WebexUnreachableError):
        Webex("token", address).me()
