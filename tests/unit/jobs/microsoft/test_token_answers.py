"""Answers of the token endpoint: tokens, refusals, and answers that cannot be read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jobs.clouds.errors import CloudError, MalformedAnswer, SignInNeeded, Transient
from jobs.microsoft.identity import Identity
from tests.unit.jobs.microsoft.identity_sign_in import CALLBACK, EXCHANGE, GRAPH, TENANT, sign_in


@pytest.mark.parametrize("provider", ["https", "http"], indirect=True)
def test_a_token_for_a_second_resource_comes_from_the_same_refresh_token(provider, bot):
    """One sign-in serves Graph and Exchange, and the second call is answered by the cache.

    An expired refresh token (AADSTS700082) makes a sign-in necessary, and so does a cache without
    an account. The refusal is not cached, so the next try sends a new request.
    """
    kept = sign_in(bot, provider).cache
    provider.trouble = [provider.refuse(400, "invalid_grant", 700082)]
    for cache, cause in ((kept, "refresh_token_expired"), ("{}", "sign_in_missing")):
        with pytest.raises(SignInNeeded) as refused:
            bot.token(cache, EXCHANGE)
        assert refused.value.cause == cause
    token, cache = bot.token(kept, EXCHANGE)
    before = len(provider.requests)
    assert (token, bot.token(cache, EXCHANGE)) == ("at-rt-1", (token, cache))
    assert len(provider.requests) == before


def test_a_busy_entra_is_tried_again(provider: Any, bot: Identity):
    """A request that Entra answers with 503 or 429 is tried again, three times in all.

    A Retry-After that is longer than a worker may sleep is raised with the error. A proxy's HTML
    page is unreadable.
    """
    cache = sign_in(bot, provider).cache
    provider.trouble = [(503, {}, b""), (429, {"Retry-After": "0"}, b"")]
    assert bot.token(cache, EXCHANGE)[0] == "at-rt-1"
    provider.trouble = [(429, {"Retry-After": "600"}, b"")]
    with pytest.raises(Transient) as busy:
        bot.token(cache, EXCHANGE)
    assert (busy.value.cause, busy.value.retry_after) == ("throttled", 600.0)
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


@pytest.mark.parametrize("body", ODD)
def test_a_token_answer_without_a_token_is_unreadable(provider, bot, http, body):
    """An answer without a token is unreadable, and neither asks for a sign-in nor sends "None"."""
    app = Identity(provider.base, http, TENANT, bot.client_id, "s3cr~t.Value")
    cache = sign_in(bot, provider).cache
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
def test_a_token_answer_may_be_told_in_older_ways(provider, bot, lives):
    """A token answer is read even if its numbers are texts or missing."""
    cache = sign_in(bot, provider).cache
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
    cache = sign_in(bot, provider).cache
    assert bot.token(cache, EXCHANGE, refresh=True)[0] == "at-rt-1"
    assert any(echoed)


def test_a_missing_scope_is_told_by_the_words(provider: Any, bot: Identity):
    """The cause of AADSTS900144 is read from its text, which alone names the missing parameter."""
    cache = sign_in(bot, provider).cache
    for name, cause in (("scope", "scope_missing"), ("client_id", "form_field_missing")):
        words = f"AADSTS900144: The request body must contain the following parameter: '{name}'."
        body = {"error": "invalid_request", "error_description": words, "error_codes": [900144]}
        provider.trouble = [(400, {"Content-Type": "application/json"}, json.dumps(body).encode())]
        with pytest.raises(CloudError) as refused:
            bot.token(cache, EXCHANGE, refresh=True)
        assert refused.value.cause == cause
