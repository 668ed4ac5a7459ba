"""Fault matrix of signing in at Microsoft: each call of msal, and every kind of fault."""

from contextlib import nullcontext
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
import stamina

from jobs.clouds.errors import CloudError, MalformedAnswer, Transient
from jobs.microsoft.identity import Identity
from jobs.microsoft.scopes import EXCHANGE_SCOPE
from tests.faults.weather import Storm

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
def no_waiting():
    """Turn on stamina's test mode, in which tries are as many as usual and follow at once."""
    with stamina.set_testing(True, attempts=TRIES, cap=True):
        yield


def _identity(country, transport):
    settings = country.settings
    return Identity(
        BASE,
        httpx.Client(transport=transport),
        "contoso.com",
        settings.bot_client_id,
        settings.bot_client_secret,
    )


def _signed_in(country, identity, way):
    """Sign in from the beginning, finish it on this way, and return the tokens' cache."""
    flow = identity.begin(SCOPES, CALLBACK, "state-1")
    form = {"account": "admin@contoso.com", "action": "accept"}
    answer = country.http.post(flow["auth_uri"].removeprefix(BASE), data=form)
    return way.finish(flow, dict(parse_qsl(urlsplit(answer.headers["location"]).query))).cache


def _token(country, weather):
    """Sign in, and ask for a token for a second resource."""
    cache = _signed_in(country, _identity(country, weather), _identity(country, weather))
    _identity(country, weather).token(cache, [EXCHANGE_SCOPE])


def test_a_call_of_a_sign_in_that_keeps_failing(country, fault, login_call):
    """A sign-in call that keeps failing ends with an error of the bot after a few tries.

    The error has a remedy and is never one of msal's.
    """
    weather = Storm(country.http, fault, login_call, FOR_GOOD)
    with pytest.raises(CloudError) as failed:
        _token(country, weather)
    assert isinstance(failed.value, Transient | MalformedAnswer)
    assert 1 <= weather.failed <= TRIES


def test_a_refresh_fails_once(country, fault):
    """A token refresh retries temporary faults and reports the others.

    A garbled answer never counts as a sign-in that has ended.
    """
    good, bad = (Storm(country.http, fault, TOKEN, times) for times in (0, 1))
    cache = _signed_in(country, _identity(country, good), _identity(country, good))
    kind = Transient if fault.name.startswith("429") else MalformedAnswer
    expected = nullcontext() if fault.name in PASSES else pytest.raises(kind)
    with expected:
        _identity(country, bad).token(cache, SCOPES, refresh=True)
