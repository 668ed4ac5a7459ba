"""Reasons for which no connection was made, with the errors of the real libraries."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator

import httpx
import pytest

from bot.webex.client import Webex, WebexUnreachableError
from jobs.clouds.errors import Transient, why_unconnected, words_of
from jobs.clouds.http import Call, async_client, request
from jobs.clouds.retry import RetryPolicy
from jobs.microsoft.responses import judge_graph
from jobs.settings import Settings
from practice.tls import Tls

ONCE = RetryPolicy(attempts=1)
NOWHERE = "https://nothing.invalid/v1/"


@pytest.fixture
def expired(certificates: Tls) -> Iterator[str]:
    """The address of a server whose certificate has expired."""
    context = certificates.server_context()
    certificates.expired.add("https")
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                context.wrap_socket(client, server_side=True).close()
            except OSError:
                client.close()

    threading.Thread(target=serve, daemon=True).start()
    yield f"https://localhost:{listener.getsockname()[1]}/v1/"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    certificates.expired.clear()


def error_of(url: str, settings: Settings) -> Transient:
    """Return the error of a POST request to this address."""

    async def post() -> None:
        async with async_client(settings) as client:
            await request(client, Call("graph", "POST", url), judge_graph, ONCE)

    with pytest.raises(Transient) as caught:
        asyncio.run(post())
    return caught.value


@pytest.fixture
def anywhere(work_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings that allow the client to call these hosts."""
    hosts = frozenset({"nothing.invalid", "localhost"})
    monkeypatch.setattr(Settings, "hosts", property(lambda _: hosts))
    return work_settings


def test_a_name_that_does_not_resolve(anywhere: Settings):
    """A request whose host name does not resolve was not sent, so even a POST is sent again."""
    error = error_of(NOWHERE, anywhere)
    assert (error.cause, error.unsent) == ("host_name_unknown", True)
    assert error.message.startswith("nothing.invalid: ")


def test_an_expired_certificate(anywhere, expired, certificates, monkeypatch):
    """If a certificate has expired, the request is not sent, although its authority is trusted."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca_path))
    error = error_of(expired, anywhere)
    assert (error.cause, error.unsent) == ("certificate_invalid", True)
    assert error.message == "localhost: certificate has expired"


@pytest.mark.parametrize("fault", ["name", "certificate"])
def test_a_post_to_webex_was_certainly_not_made(
    fault, expired, certificates, hasty_retries, monkeypatch
):
    """A POST to Webex without a connection was certainly not made and never counts as doubtful.

    It is made again for as long as its event is tried.
    """
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(name, str(certificates.ca_path))
    url, words = {
        "name": (NOWHERE, "the host of WEBEX_API_URL: "),
        "certificate": (expired, "certificate has expired"),
    }[fault]
    with pytest.raises(WebexUnreachableError, match=words) as caught:
        Webex("token", url).me()
    assert not caught.value.accepted


def test_other_errors_are_no_such_reason():
    """An error for another reason has its class name as its words."""
    error = httpx.ReadError("broken off")
    assert (why_unconnected(error, "host"), words_of(error, "host")) == (None, "ReadError")


def test_an_error_that_wraps_itself():
    """The search for a reason ends even if an error wraps itself."""
    error = ssl.SSLError("handshake")
    error.__context__ = wrapped = OSError("outer", error)
    wrapped.__cause__ = error
    assert why_unconnected(wrapped, "host") is None
