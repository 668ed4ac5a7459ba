"""Answers of the token endpoint: tokens, refusals, and answers that cannot be read."""

import json

import pytest

from jobs.clouds import calls
from jobs.clouds.errors import CloudError, MalformedAnswer, Rejected, SignInNeeded, Transient
from jobs.microsoft.identity import Identity, entra_error
from tests.unit.jobs.microsoft.identity_sign_in import CALLBACK, EXCHANGE, GRAPH, TENANT, sign_in


@pytest.fixture
def cache(bot, provider) -> str:
    """Token cache of a person who has signed in."""
    return sign_in(bot, provider).cache


@pytest.mark.parametrize("provider", ["https", "http"], indirect=True)
def test_a_token_for_a_second_resource_comes_from_the_same_refresh_token(provider, bot, cache):
    """One sign-in serves Graph and Exchange, and the second call is answered by the cache.

    An expired refresh token (AADSTS700082) makes a sign-in necessary, and so does a cache without
    an account. The refusal is not cached, so the next try sends a new request.
    """
    provider.trouble = [provider.refuse(400, "invalid_grant", 700082)]
    for each, cause in ((cache, "refresh_token_expired"), ("{}", "sign_in_missing")):
        with pytest.raises(SignInNeeded) as refused:
            bot.token(each, EXCHANGE)
        assert refused.value.cause == cause
    token, renewed = bot.token(cache, EXCHANGE)
    before = len(provider.requests)
    assert (token, bot.token(renewed, EXCHANGE)) == ("at-rt-1", (token, renewed))
    assert len(provider.requests) == before


def test_a_busy_entra_is_tried_again(provider, bot, cache):
    """A request that Entra answers with 503 or 429 is tried again, three times in all.

    A Retry-After that is longer than a worker may sleep is raised with the error. A proxy's HTML
    page is unreadable. A request is noted although its answer is lost: the sign-in log may have it.
    """
    provider.trouble = [(503, {}, b""), (429, {"Retry-After": "0"}, b"")]
    assert bot.token(cache, EXCHANGE)[0] == "at-rt-1"
    provider.trouble = [(200, {"Content-Length": "9"}, b""), (429, {"Retry-After": "600"}, b"")]
    with calls.collect() as made, pytest.raises(Transient) as busy:
        bot.token(cache, EXCHANGE)
    assert (busy.value.cause, busy.value.retry_after) == ("throttled", 600.0)
    assert [each.split()[3] for each in made] == ["0", "429"]
    provider.trouble = [(200, {"Content-Type": "text/html"}, b"<html>")]
    with pytest.raises(MalformedAnswer):
        bot.token(cache, EXCHANGE)


ODD = [
    {},
    {"access_token": None},
    {"access_token": "at", "expires_in": "soon"},
    {"access_token": "at", "expires_in": 3600, "refresh_in": "later"},
    {"access_token": "at", "expires_in": 3600, "refresh_token": ["rt"]},
    {"access_token": "at", "expires_in": 3600, "id_token": {"oid": "x"}},
]


@pytest.mark.slow
@pytest.mark.parametrize("body", ODD)
def test_a_token_answer_without_a_token_is_unreadable(provider, bot, http, cache, body):
    """An answer without a token is unreadable, and neither asks for a sign-in nor sends "None"."""
    app = Identity(provider.base, http, TENANT, bot.client_id, "s3cr~t.Value")
    flow = bot.begin(GRAPH, CALLBACK, "state-1")
    query = provider.sign_in(flow["auth_uri"])
    for ask in (
        lambda: bot.token(cache, EXCHANGE),
        lambda: app.app_token(EXCHANGE[0]),
        lambda: bot.finish(flow, query),
    ):
        provider.trouble = [(200, {}, json.dumps(body).encode())]
        with pytest.raises(MalformedAnswer) as failed:
            ask()
        assert failed.value.cause == "answer_unreadable"


@pytest.mark.parametrize(
    "lives",
    [{}, {"expires_in": "3599"}, {"expires_in": 3599, "ext_expires_in": None, "scope": None}],
)
def test_a_token_answer_may_be_told_in_older_ways(provider, bot, cache, lives):
    """A token answer is read even if its numbers are texts or missing."""
    body = {"access_token": "at", "token_type": "Bearer"} | lives
    provider.trouble = [(200, {}, json.dumps(body).encode())]
    assert bot.token(cache, EXCHANGE)[0] == "at"


def test_offline_access_need_not_be_echoed(provider, bot, monkeypatch):
    """The sign-in and its renewal work if Entra leaves offline_access out of its answers.

    Entra does so in the scope of each answer (platforms/microsoft.md 4). The refresh token
    is kept.
    """
    whole, echoed = provider.answer, []

    def without(path: str, form: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        status, headers, body = whole(path, form)
        echoed.append(b"offline_access" in body)
        said = body.replace(b" offline_access", b"").replace(b"offline_access ", b"")
        return status, headers, said

    monkeypatch.setattr(provider, "answer", without)
    assert bot.token(sign_in(bot, provider).cache, EXCHANGE, refresh=True)[0] == "at-rt-1"
    assert any(echoed)


def test_a_missing_scope_is_told_by_the_words(provider, bot, cache):
    """The cause of AADSTS900144 is read from its text, which alone names the missing parameter."""
    for name, cause in (("scope", "scope_missing"), ("client_id", "form_field_missing")):
        words = f"AADSTS900144: The request body must contain the following parameter: '{name}'."
        body = {"error": "invalid_request", "error_description": words, "error_codes": [900144]}
        provider.trouble = [(400, {"Content-Type": "application/json"}, json.dumps(body).encode())]
        with pytest.raises(CloudError) as refused:
            bot.token(cache, EXCHANGE, refresh=True)
        assert refused.value.cause == cause


PAGE = (
    "<html><body><div>AADSTS50194: Application is not multi-tenant. Correlation ID: corr-9 "
    "Timestamp: 2026-11-25 00:00:00Z</div></body></html>"
)
AWAY = {
    "error": "server_error",
    "error_description": "AADSTS90033: A transient error. Trace ID: t-9 Correlation ID: corr-9",
    "error_codes": [90033],
}


def test_an_unknown_number_is_shown_whole(provider, bot, cache):
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
def test_an_unknown_number_says_where_to_read_about_it(number, uri, message):
    """The message of an unknown AADSTS number contains a link to Microsoft's page about it.

    A link that does not lead to Microsoft's own sign-in is left out. A known number has our own
    remedy instead.
    """
    body = {"error": "invalid_grant", "error_codes": [number], "error_uri": uri}
    body["error_description"] = f"AADSTS{number}: No."
    assert entra_error(body, 400).message == message


def test_a_page_keeps_its_code(provider, bot, cache):
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
