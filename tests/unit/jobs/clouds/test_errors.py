"""Causes of errors of the clouds, their texts, and the words that an error carries."""

import asyncio
import re
import ssl
import tomllib
from pathlib import Path

import httpx
import pytest

from bot.webex.client import Webex
from bot.webex.errors import WebexUnreachableError
from jobs.clouds import errors
from jobs.clouds.http import Call, RetryPolicy, async_client, no_answer, request
from jobs.microsoft.graph import judge_graph
from jobs.model import Evidence
from jobs.settings import Settings
from tests.fixtures.networks import here, listen
from tests.fixtures.serving import cable

ROOT = Path(__file__).parents[4]
TEXTS = ROOT / "adaptive_cards" / "texts" / "en" / "causes.toml"


@pytest.mark.parametrize("kind", ["cause", "remedy"])
def test_the_texts_keep_the_wording_rules(kind):
    """Texts are full sentences without exclamation marks, braces or apologies, and fit a card."""
    texts = tomllib.loads(TEXTS.read_text(encoding="utf-8"))[kind]
    longest = {"cause": 130, "remedy": 200}[kind]
    wrong = [
        name
        for name, text in texts.items()
        if re.search(r"[!{}]|\bsorry\b|\bplease\b", text, re.IGNORECASE)
        or len(text) > longest
        or not (text[0].isupper() and text[-1] in ".d")
    ]
    assert wrong == []


def test_an_error_carries_evidence_and_reads_well():
    """An error carries its words first and then the ids that support asks for.

    Control characters cannot forge a log line.
    """
    ids = errors.RequestIds(request_id="r-1", client_request_id="c-1")
    error = errors.NotFound(
        "not_found", "graph", 404, "Request_ResourceNotFound", "not\r\nhere", ids
    )
    numbers = (Evidence("request-id", "r-1"), Evidence("client-request-id", "c-1"))
    told = Evidence("graph", "404 Request_ResourceNotFound not here")
    assert error.evidence() == (told, *numbers)
    words = "graph 404 Request_ResourceNotFound: not_found: not here"
    assert str(error) == f"{words}: request-id=r-1 client-request-id=c-1"


def test_a_message_holds_no_secret():
    """A secret that a service echoes in an error reaches neither a card nor Redis.

    A long message is cut, so a page of HTML does not get into a card. A code that the message
    already begins with, as Entra writes it, is shown once.
    """
    words = 'Failed: {"secretText": "abc8Q~0123456789made-up-0123456789abcdef", "keyId": "k"}'
    error = errors.Rejected("request_rejected", "graph", 500, message=words)
    assert "Q~" not in error.message + error.words
    assert "keyId" in error.message
    assert len(errors.Rejected("request_rejected", "graph", message="x" * 5000).message) == 600
    words = "AADSTS700016: Application was not found."
    found = errors.Rejected("app_not_found", "entra", 400, "AADSTS700016", words)
    assert found.evidence() == (Evidence("entra", f"400 {words}"),)


@pytest.mark.parametrize(
    ("cause", "settles"),
    [
        ("not_found", True),
        ("client_secret_wrong", True),
        ("exchange_role_missing", True),
        ("redirect_uri_mismatch", False),
    ],
)
def test_what_a_write_of_ours_can_cause_settles(cause, settles):
    """A 404 may be due to replication after a write, but a wrong redirect URI never is."""
    assert errors.CloudError(cause, "entra").can_be_replication is settles


ONCE = RetryPolicy(attempts=1)
NOWHERE = "https://nothing.invalid/v1/"


@pytest.fixture
def expired(certificates, free_port):
    """The address of a server whose certificate has expired."""
    context = certificates.server_context()
    certificates.expired.add("https")
    with cable(listen(), here(free_port), context) as listener:
        yield f"https://localhost:{listener.getsockname()[1]}/v1/"
    certificates.expired.clear()


def error_of(url: str, settings: Settings) -> errors.Transient:
    """Return the error of a POST request to this address."""

    async def post() -> None:
        async with async_client(settings) as client:
            await request(client, Call("graph", "POST", url), judge_graph, ONCE)

    with pytest.raises(errors.Transient) as caught:
        asyncio.run(post())
    return caught.value


@pytest.fixture
def anywhere(work_settings, monkeypatch) -> Settings:
    """Settings that allow the client to call these hosts."""
    hosts = frozenset({"nothing.invalid", "localhost"})
    monkeypatch.setattr(Settings, "hosts", property(lambda _: hosts))
    return work_settings


@pytest.mark.parametrize(
    ("fault", "cause", "words", "at_webex"),
    [
        ("name", "host_name_unknown", "nothing.invalid: .+", "the host of WEBEX_API_URL: "),
        (
            "certificate",
            "certificate_invalid",
            "localhost: certificate has expired",
            "certificate has expired",
        ),
    ],
)
def test_what_was_not_connected_was_certainly_not_sent(
    fault, cause, words, at_webex, anywhere, expired, certificates, hasty_retries, monkeypatch
):
    """A request without a connection was certainly not sent, so even a POST is sent again.

    A POST to Webex never counts as doubtful: it is made for as long as its event is tried. The
    authority of an expired certificate may be trusted.
    """
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(name, str(certificates.ca_path))
    url = NOWHERE if fault == "name" else expired
    error = error_of(url, anywhere)
    assert (error.cause, error.unsent) == (cause, True)
    assert re.fullmatch(words, error.message)
    with pytest.raises(WebexUnreachableError, match=at_webex) as caught:
        Webex("token", url).me()
    assert not caught.value.accepted


def test_other_errors_are_no_such_reason():
    """An error for another reason has its class name as its words, and a finding has its own words.

    The search for a reason ends even if an error wraps itself.
    """
    error = httpx.ReadError("broken off", request=httpx.Request("GET", "https://host/"))
    assert errors.why_unconnected(error, "host") is None
    assert errors.words_of(error, "host") == "ReadError"
    assert no_answer("graph", error, errors.RequestIds()).message == "broken off"
    handshake = ssl.SSLError("handshake")
    handshake.__context__ = wrapped = OSError("outer", handshake)
    wrapped.__cause__ = handshake
    assert errors.why_unconnected(wrapped, "host") is None
