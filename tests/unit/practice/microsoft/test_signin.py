"""Tests of the practice sign-in: its pages, consent, codes, tokens and their errors."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from practice.microsoft import ids


def codes(answer: httpx.Response) -> list[int]:
    """Return the AADSTS codes of a token error."""
    return list(answer.json()["error_codes"])


def test_a_refresh_without_a_scope_is_900144(services: Any):
    """A refresh without a scope is refused with 900144.

    The token's answer does not repeat ``offline_access``.
    """
    tokens = services.sign_in("admin@contoso.com", "openid offline_access User.Read")
    assert "offline_access" not in tokens["scope"].split()
    answer = services.redeem(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert codes(answer) == [900144]
    assert "parameter: 'scope'" in answer.json()["error_description"]


def test_exchange_without_consent_is_65001(services: Any):
    """A refresh token gives no access token for a resource without consent; the error is 65001."""
    tokens = services.sign_in("admin@contoso.com", "openid offline_access User.Read")
    answer = services.redeem(
        grant_type="refresh_token",
        refresh_token=tokens["refresh_token"],
        scope=services.exchange_scope,
    )
    assert (answer.status_code, codes(answer), answer.json()["error"]) == (
        400,
        [65001],
        "invalid_grant",
    )


@pytest.mark.parametrize(
    ("account", "code"),
    [
        ("disabled@contoso.com", "AADSTS50057"),
        ("admin@fabrikam.com", "AADSTS50020"),
        ("nobody@contoso.com", "AADSTS50034"),
    ],
)
def test_accounts_that_cannot_sign_in(services: Any, account: str, code: str):
    """A disabled, a foreign and an unknown account each get a page with their AADSTS code."""
    assert (
        code in services.authorize(account, services.query("User.Read"), tenant="contoso.com").text
    )


@pytest.mark.parametrize(("verifier", "told"), [("v" * 50, [54005]), ("w" * 50, [501481])])
def test_a_code_is_good_once_and_with_its_verifier(services: Any, verifier: str, told: list[int]):
    """The second use of an authorization code is refused, and so is another PKCE verifier."""
    code = services.code("support@contoso.com", "openid User.Read")
    form = {"grant_type": "authorization_code", "redirect_uri": services.callback, "code": code}
    first, second = (services.redeem(**form, code_verifier=verifier) for _ in range(2))
    assert (first.is_success, codes(second)) == (verifier == "v" * 50, told)


def test_a_user_who_was_deleted_has_no_token(services: Any):
    """The refresh token of a deleted user is refused with 50057.

    The sign-in log gets no row, because nobody signed in.
    """
    tokens = services.sign_in("support@contoso.com", services.smtp_scope)
    tenant = services.cloud.world.tenant("contoso.com")
    del tenant.users[tenant.user("support@contoso.com").id]
    noted = len(tenant.sign_ins)
    assert codes(
        services.redeem(
            grant_type="refresh_token",
            refresh_token=tokens["refresh_token"],
            scope=services.smtp_scope,
        )
    ) == [50057]
    assert len(tenant.sign_ins) == noted


def test_a_token_request_names_one_resource(services: Any):
    """A token request with scopes of two resources is refused with 70011."""
    form = {
        "grant_type": "authorization_code",
        "code": services.code("support@contoso.com", "User.Read"),
        "redirect_uri": services.callback,
    }
    answer = services.redeem(
        **form, code_verifier="v" * 50, scope="User.Read https://outlook.office.com/SMTP.Send"
    )
    assert codes(answer) == [70011]


def test_default_does_not_mix_with_other_scopes(services: Any):
    """A request for ``.default`` with another scope is refused with a redirect."""
    answer = services.http.get(
        "/organizations/oauth2/v2.0/authorize",
        params=services.query(f"{services.graph_scope} User.Read"),
    )
    assert services.values(answer)["error"] == "invalid_scope"


def test_a_policy_may_except_a_place(services: Any):
    """A blocking policy can exclude a location, here that of Webex Connect.

    Requests from that location succeed, and all others are blocked.
    """
    tokens = services.sign_in("support@contoso.com", services.smtp_scope)
    policy = {"id": "p", "state": "enabled", "grantControls": {"builtInControls": ["block"]}}
    policy["conditions"] = {
        "users": {"includeUsers": ["All"]},
        "applications": {"includeApplications": ["All"]},
        "locations": {"includeLocations": ["All"], "excludeLocations": [ids.WEBEX]},
    }
    services.change(conditional_access=[policy])
    form = {
        "grant_type": "refresh_token",
        "refresh_token": tokens["refresh_token"],
        "scope": services.smtp_scope,
    }
    assert codes(services.redeem(**form)) == [53003]
    services.http.headers[ids.PLACE] = ids.WEBEX
    assert "access_token" in services.redeem(**form).json()
