"""Microsoft's own library, with its own HTTP, against the practice cloud's sign-in and Graph."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import msal
import pytest
import requests

from practice.cloud import PracticeCloud

CALLBACK = "http://127.0.0.1:5000/callback"
ADMIN = "admin@contoso.com"
MANAGE = "https://outlook.office365.com/Exchange.Manage"
GRAPH = ["User.Read", "Application.Read.All"]
DEFAULT = "https://graph.microsoft.com/.default"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:response_mode='form_post' is recommended"),
]


def client(
    cloud: PracticeCloud, tenant: str = "organizations", secret: str = ""
) -> msal.ConfidentialClientApplication:
    """Return the bot's app as a stranger would write it, without an HTTP client of the product."""
    return msal.ConfidentialClientApplication(
        cloud.settings.bot_client_id,
        client_credential=secret or cloud.settings.bot_client_secret,
        authority=f"{cloud.url}/{tenant}",
        instance_discovery=False,
    )


def sign_in(flow: dict[str, Any], account: str = ADMIN, action: str = "accept") -> dict[str, str]:
    """Answer Microsoft's page as a person, and return the parameters for the way back."""
    answer = requests.post(
        flow["auth_uri"],
        data={"account": account, "action": action},
        allow_redirects=False,
        timeout=10,
    )
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    return {name: values[0] for name, values in query.items()}


def signed_in(app: msal.ConfidentialClientApplication) -> dict[str, Any]:
    """Return the administrator's tokens, by the authorization code flow with PKCE."""
    flow = app.initiate_auth_code_flow([*GRAPH, MANAGE], CALLBACK)
    assert "code_challenge_method=S256" in flow["auth_uri"]
    found: dict[str, Any] = app.acquire_token_by_auth_code_flow(flow, sign_in(flow), GRAPH)
    return found


def test_a_code_becomes_tokens_that_graph_takes(cloud: PracticeCloud):
    """A code becomes tokens that the library and Graph accept.

    PKCE, nonce, ID token and access token are as both expect them.
    """
    tokens = signed_in(client(cloud))
    assert (tokens["token_type"], tokens["id_token_claims"]["preferred_username"]) == (
        "Bearer",
        ADMIN,
    )
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    me = requests.get(f"{cloud.url}/graph/v1.0/applications", headers=bearer, timeout=10)
    assert (me.status_code, "value" in me.json()) == (200, True)
    without = requests.get(f"{cloud.url}/graph/v1.0/applications", timeout=10)
    assert without.status_code == 401


def test_a_code_without_its_verifier_is_worthless(cloud: PracticeCloud):
    """A code that somebody brings with another verifier is refused.

    A code that is used a second time is refused, too.
    """
    app = client(cloud)
    flow = app.initiate_auth_code_flow(["User.Read"], CALLBACK)
    answer = sign_in(flow)
    stolen = app.acquire_token_by_auth_code_flow(flow | {"code_verifier": "0" * 43}, dict(answer))
    assert (stolen["error"], "access_token" in stolen) == ("invalid_grant", False)
    flow = app.initiate_auth_code_flow(["User.Read"], CALLBACK)
    answer = sign_in(flow)
    assert "access_token" in app.acquire_token_by_auth_code_flow(flow, dict(answer))
    again = app.acquire_token_by_auth_code_flow(flow, dict(answer))
    assert again["error_codes"] == [54005]


def test_another_state_and_a_refusal(cloud: PracticeCloud):
    """The library itself refuses another state. It returns the error if the person has declined."""
    app = client(cloud)
    flow = app.initiate_auth_code_flow(["User.Read"], CALLBACK)
    with pytest.raises(ValueError, match="state"):
        app.acquire_token_by_auth_code_flow(flow, sign_in(flow) | {"state": "other"})
    flow = app.initiate_auth_code_flow(["User.Read"], CALLBACK)
    declined = app.acquire_token_by_auth_code_flow(flow, sign_in(flow, action="decline"))
    assert declined["error"] == "access_denied"


def test_a_refresh_token_is_good_for_another_resource(cloud: PracticeCloud):
    """A refresh token gives an access token for another resource.

    The library uses it by itself from its cache, and another process can use it by hand.
    """
    app = client(cloud)
    tokens = signed_in(app)
    silent = app.acquire_token_silent([MANAGE], app.get_accounts()[0])
    assert silent["token_source"] == "identity_provider"
    assert app.acquire_token_silent([MANAGE], app.get_accounts()[0])["token_source"] == "cache"
    elsewhere = client(cloud).acquire_token_by_refresh_token(tokens["refresh_token"], [MANAGE])
    assert elsewhere["refresh_token"] != tokens["refresh_token"]
    assert MANAGE in elsewhere["scope"]
    broken = client(cloud).acquire_token_by_refresh_token("0.no-such-token", [MANAGE])
    assert broken["error"] == "invalid_grant"


def test_an_app_by_itself(cloud: PracticeCloud):
    """An app gets a token with its client credentials in a tenant that has it.

    The library caches the token. A wrong secret is refused.
    """
    signed_in(client(cloud))
    found = client(cloud, "contoso.com").acquire_token_for_client([DEFAULT])
    assert (found["token_type"], found["expires_in"] > 0) == ("Bearer", True)
    cached = client(cloud, "contoso.com")
    cached.acquire_token_for_client([DEFAULT])
    assert cached.acquire_token_for_client([DEFAULT])["token_source"] == "cache"
    refused = client(cloud, "contoso.com", "wrong-secret").acquire_token_for_client([DEFAULT])
    assert (refused["error"], refused["error_codes"]) == ("invalid_client", [7000215])
