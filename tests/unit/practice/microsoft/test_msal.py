"""Test of the practice sign-in with MSAL, Microsoft's own library, over real HTTPS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import msal
import pytest

from practice.cloud import PracticeCloud
from practice.settings import PracticeSettings

CALLBACK = "http://127.0.0.1:5000/callback"
MANAGE = "https://outlook.office365.com/Exchange.Manage"


@pytest.fixture
def cloud(tmp_path: Any, free_port: int) -> Iterator[PracticeCloud]:
    """Yield a whole practice cloud that runs in this process."""
    made = PracticeCloud(free_port, tmp_path, PracticeSettings(replication_s=0))
    made.start()
    yield made
    made.stop()


@pytest.mark.filterwarnings(
    "ignore:response_mode='form_post' is recommended"
)  # a query is what the bot's callback reads
def test_msal_signs_in_and_gets_two_tokens(cloud: PracticeCloud):
    """MSAL signs in with PKCE and a nonce, and gets a second token silently.

    A replay of the code is refused.
    """
    with httpx.Client(verify=cloud.tls.client_context(), trust_env=False) as http:
        app = msal.ConfidentialClientApplication(
            cloud.settings.bot_client_id,
            client_credential=cloud.settings.bot_client_secret,
            authority=f"{cloud.url}/organizations",
            instance_discovery=False,
            http_client=http,
        )
        flow = app.initiate_auth_code_flow(["User.Read", MANAGE], redirect_uri=CALLBACK)
        answer = http.post(
            flow["auth_uri"], data={"account": "admin@contoso.com", "action": "accept"}
        )
        values = {
            name: found[0]
            for name, found in parse_qs(urlsplit(answer.headers["location"]).query).items()
        }
        first = app.acquire_token_by_auth_code_flow(flow, values, scopes=["User.Read"])
        silent = app.acquire_token_silent([MANAGE], app.get_accounts()[0])
        replay = app.acquire_token_by_auth_code_flow(flow, values, scopes=["User.Read"])
    assert first["id_token_claims"]["preferred_username"] == "admin@contoso.com"
    assert (silent["token_source"], replay["error_codes"]) == ("identity_provider", [54005])
