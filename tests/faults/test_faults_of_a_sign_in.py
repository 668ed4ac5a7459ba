"""Fault matrix of signing in at Microsoft: each call of msal, and every kind of fault."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import stamina

from jobs.clouds.errors import CloudError, MalformedAnswer, Transient
from jobs.microsoft.identity import Identity
from jobs.microsoft.scopes import EXCHANGE_SCOPE

BASE, CALLBACK = "https://localhost:9", "http://127.0.0.1:5000/callback"
SCOPES = ["https://graph.microsoft.com/User.Read.All"]
TRIES, FOR_GOOD = 3, 1_000_000
TOKEN = "POST /*/oauth2/v2.0/token"
PASSES = {
    "429 with Retry-After",
    "500, carried out",
    "503",
    "timeout, carried out",
    "reset",
    "reset, carried out",
    "half a body",
}


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    """Turn on stamina's test mode, in which tries are as many as usual and follow at once."""
    with stamina.set_testing(True, attempts=TRIES, cap=True):
        yield


def _identity(country: Any, transport: httpx.BaseTransport) -> Identity:
    settings = country.settings
    return Identity(
        BASE,
        httpx.Client(transport=transport),
        "contoso.com",
        settings.bot_client_id,
        settings.bot_client_secret,
    )


def _signed_in(country: Any, identity: Identity, way: Callable[[], Identity]) -> str:
    """Sign in from the beginning, and return a token for a second resource.

    The function ``way`` returns the identity to which the browser comes back.
    """
    flow = identity.begin(SCOPES, CALLBACK, "state-1")
    address = urlsplit(flow["auth_uri"])
    answer = country.http.post(
        f"{address.path}?{address.query}", data={"account": "admin@contoso.com", "action": "accept"}
    )
    query = {
        name: values[0]
        for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()
    }
    signed_in = way().finish(flow, query)
    token, _ = way().token(signed_in.cache, [EXCHANGE_SCOPE])
    return token


def test_a_call_of_a_sign_in_that_keeps_failing(
    country: Any, storm: Callable[..., Any], fault: Any, login_call: str
):
    """A sign-in call that keeps failing ends with an error of the bot after a few tries.

    The error has a remedy and is never one of msal's.
    """
    weather = storm(fault, login_call, FOR_GOOD)
    with pytest.raises(CloudError) as failed:
        _signed_in(country, _identity(country, weather), lambda: _identity(country, weather))
    assert isinstance(failed.value, Transient | MalformedAnswer)
    assert 1 <= weather.failed <= TRIES


def test_a_refresh_fails_once(country: Any, storm: Callable[..., Any], fault: Any):
    """A token refresh retries temporary faults and reports the others.

    A garbled answer never counts as a sign-in that has ended.
    """
    good = storm(fault, TOKEN, 0)
    identity = _identity(country, good)
    flow = identity.begin(SCOPES, CALLBACK, "state-1")
    address = urlsplit(flow["auth_uri"])
    answer = country.http.post(
        f"{address.path}?{address.query}", data={"account": "admin@contoso.com", "action": "accept"}
    )
    query = {
        name: values[0]
        for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()
    }
    cache = identity.finish(flow, query).cache
    outcome = _outcome(
        lambda: _identity(country, storm(fault, TOKEN, 1)).token(cache, SCOPES, refresh=True)
    )
    expected = (
        type(None)
        if fault.name in PASSES
        else Transient
        if fault.name.startswith("429")
        else MalformedAnswer
    )
    assert type(outcome) is expected


def _outcome(ask: Callable[[], object]) -> CloudError | None:
    try:
        ask()
    except CloudError as error:
        return error
    return None
