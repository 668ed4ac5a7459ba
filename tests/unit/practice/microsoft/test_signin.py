"""Tests of the practice sign-in: its pages, consent, codes, tokens and their errors."""

from __future__ import annotations

from typing import Any

import httpx
import jwt
import pytest

from practice.microsoft import ids

OUTLOOK = "https://outlook.office365.com"


def codes(answer: httpx.Response) -> list[int]:
    """Return the AADSTS codes of a token error."""
    return list(answer.json()["error_codes"])


@pytest.mark.parametrize("name", ["contoso.com", "contoso.onmicrosoft.com"])
def test_discovery_by_domain_names_the_tenant_by_its_id(services: Any, name: str):
    """The discovery document of a verified domain has the addresses with the tenant's id."""
    found = services.http.get(f"/{name}/v2.0/.well-known/openid-configuration").json()
    base = f"{services.base}/{services.tenant()['id']}"
    assert (found["issuer"], found["token_endpoint"], found["jwks_uri"]) == (
        f"{base}/v2.0",
        f"{base}/oauth2/v2.0/token",
        f"{base}/discovery/v2.0/keys",
    )


def test_an_unknown_tenant_is_90002(services: Any):
    """A request for the discovery document of an unknown tenant is refused with AADSTS90002."""
    assert codes(services.http.get("/nowhere.example/v2.0/.well-known/openid-configuration")) == [
        90002
    ]


def test_the_page_shows_accounts_and_preselects_the_hint(services: Any):
    """The sign-in page is a plain form with the accounts.

    The account of ``login_hint`` is already chosen.
    """
    page = services.http.get(
        "/contoso.com/oauth2/v2.0/Authorize",
        params=services.query("User.Read", login_hint="admin@contoso.com"),
    ).text
    assert 'value="admin@contoso.com" required checked' in page
    assert 'name="action" value="decline"' in page


def test_the_id_token_is_signed_and_names_person_and_roles(services: Any):
    """An administrator's ID token can be verified with the published keys.

    The token has the nonce, the audience and the person's roles.
    """
    tokens = services.sign_in("admin@contoso.com", services.setup, services.graph_scope)
    tenant = services.tenant()
    keys = jwt.PyJWKSet.from_dict(services.http.get(f"/{tenant['id']}/discovery/v2.0/keys").json())
    options = {
        "audience": services.settings.bot_client_id,
        "issuer": f"{services.base}/{tenant['id']}/v2.0",
    }
    claims = jwt.decode(tokens["id_token"], keys.keys[0].key, algorithms=["RS256"], **options)
    admin = tenant["users"]["admin@contoso.com"]
    assert (claims["nonce"], claims["tid"], claims["oid"], claims["preferred_username"]) == (
        "n1",
        tenant["id"],
        admin["id"],
        "admin@contoso.com",
    )
    assert set(admin["roles"]) < set(claims["wids"])


def test_one_refresh_token_serves_two_resources(services: Any):
    """After consent, one refresh token gives a Graph and an Exchange token with their audiences."""
    services.sign_in("admin@contoso.com", services.setup, services.graph_scope)
    read = {
        scope: jwt.decode(
            services.token("admin@contoso.com", scope), options={"verify_signature": False}
        )
        for scope in (services.graph_scope, services.exchange_scope)
    }
    assert [claims["aud"] for claims in read.values()] == ["https://graph.microsoft.com", OUTLOOK]
    assert read[services.exchange_scope]["scp"] == "Exchange.Manage"


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


def test_declining_comes_back_as_access_denied(services: Any):
    """Decline on the sign-in page redirects with ``access_denied``, AADSTS65004 and the state."""
    values = services.values(
        services.authorize("admin@contoso.com", services.query("User.Read"), action="decline")
    )
    assert (values["error"], values["error_description"][:11], values["state"]) == (
        "access_denied",
        "AADSTS65004",
        "s1",
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


def test_a_code_is_good_once(services: Any):
    """The second use of an authorization code is refused with 54005."""
    form = {
        "grant_type": "authorization_code",
        "code": services.code("support@contoso.com", "openid User.Read"),
    }
    form |= {"redirect_uri": services.callback, "code_verifier": "v" * 50}
    assert services.redeem(**form).status_code == 200
    assert codes(services.redeem(**form)) == [54005]


def test_the_verifier_has_to_match(services: Any):
    """A token request with another PKCE verifier is refused with 501481."""
    form = {
        "grant_type": "authorization_code",
        "code": services.code("support@contoso.com", "openid User.Read"),
    }
    assert codes(
        services.redeem(**form, redirect_uri=services.callback, code_verifier="w" * 50)
    ) == [501481]


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


def test_a_sign_in_is_logged_with_what_it_is_for(services: Any):
    """The row of a sign-in in the sign-in log names the resource of the token."""
    services.sign_in("support@contoso.com", services.smtp_scope)
    assert (
        services.cloud.world.tenant("contoso.com").sign_ins[-1]["resourceDisplayName"]
        == "Office 365 Exchange Online"
    )


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
