"""Errors of Entra keep their code and IDs, also in unknown numbers, HTML pages and busy answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jobs.clouds.errors import Rejected, SignInNeeded, Transient
from jobs.microsoft.identity import Identity
from jobs.microsoft.msal_http import entra_error

EXCHANGE = ["https://outlook.office365.com/.default"]
PAGE = (
    "<html><body><div>AADSTS50194: Application is not multi-tenant. Correlation ID: corr-9 "
    "Timestamp: 2026-11-25 00:00:00Z</div></body></html>"
)
AWAY = {
    "error": "server_error",
    "error_description": "AADSTS90033: A transient error. Trace ID: t-9 Correlation ID: corr-9",
    "error_codes": [90033],
}


@pytest.fixture
def cache(bot: Identity, provider: Any) -> str:
    """Token cache of a person who has signed in."""
    flow = bot.begin(["User.Read.All"], "https://bot.test/microsoft/callback", "state-1")
    return bot.finish(flow, provider.sign_in(flow["auth_uri"])).cache


def test_an_unknown_number_is_shown_whole(provider: Any, bot: Identity, cache: str):
    """An unknown AADSTS number is shown in full, with its correlation ID.

    Its OAuth error "invalid_grant" means that a person has to sign in again.
    """
    provider.trouble = [provider.refuse(400, "invalid_grant", 9999999)]
    with pytest.raises(SignInNeeded) as refused:
        bot.token(cache, EXCHANGE)
    assert (refused.value.cause, refused.value.code) == ("request_rejected", "AADSTS9999999")
    assert refused.value.ids.correlation_id == "corr-1"


READ_ON = "https://login.microsoftonline.us/error?code=9999999"


@pytest.mark.parametrize(
    ("number", "uri", "message"),
    [
        (9999999, READ_ON, f"AADSTS9999999: No. {READ_ON}"),
        (50173, READ_ON, "AADSTS50173: No."),
        (9999999, "https://elsewhere.test/error?code=9999999", "AADSTS9999999: No."),
        (9999999, None, "AADSTS9999999: No."),
    ],
)
def test_an_unknown_number_says_where_to_read_about_it(number: int, uri: str | None, message: str):
    """The message of an unknown AADSTS number contains a link to Microsoft's page about it.

    A link that does not lead to Microsoft's own sign-in is left out. A known number has our own
    remedy instead.
    """
    body = {"error": "invalid_grant", "error_codes": [number], "error_uri": uri}
    body["error_description"] = f"AADSTS{number}: No."
    assert entra_error(body, 400).message == message


def test_a_page_keeps_its_code(provider: Any, bot: Identity, cache: str):
    """If Entra reports an error in HTML, its number and correlation ID are read from the page."""
    provider.trouble = [(400, {"Content-Type": "text/html"}, PAGE.encode())]
    with pytest.raises(Rejected) as refused:
        bot.token(cache, EXCHANGE)
    assert (refused.value.cause, refused.value.code) == ("common_endpoint_used", "AADSTS50194")
    assert refused.value.ids.correlation_id == "corr-9"
    assert "<" not in refused.value.message


@pytest.mark.parametrize(
    ("body", "cause", "code"),
    [
        (json.dumps(AWAY), "entra_busy", "AADSTS90033"),
        ("<html>Bad gateway</html>", "service_unavailable", ""),
        ("", "service_unavailable", ""),
    ],
)
def test_a_busy_answer_keeps_what_it_says(provider, bot, cache, body, cause, code):
    """A busy answer of Entra keeps its code and IDs, together with the IDs of the request."""
    provider.trouble = [(503, {"x-ms-request-id": "req-9", "Retry-After": "600"}, body.encode())]
    with pytest.raises(Transient) as busy:
        bot.token(cache, EXCHANGE)
    told = busy.value
    assert (told.cause, told.code, told.ids.request_id) == (cause, code, "req-9")
    assert told.ids.correlation_id == ("corr-9" if code else "")
    assert (bool(told.ids.client_request_id), told.retry_after) == (True, 600)
