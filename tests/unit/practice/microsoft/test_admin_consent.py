"""Admin consent and app-only tokens."""

from __future__ import annotations

from typing import Any

import jwt

CONSENT = {
    "redirect_uri": "http://127.0.0.1:5000/callback",
    "scope": "https://outlook.office365.com/.default",
    "state": "s2",
}


def test_admin_consent_grants_for_everybody(services: Any):
    """Admin consent grants all principals and assigns the app's own permissions."""
    services.change(users={"admin@contoso.com": {"roles": ["Privileged Role Administrator"]}})
    query = CONSENT | {"client_id": services.settings.bot_client_id}
    answer = services.http.post(
        "/contoso.com/v2.0/adminconsent",
        params=query,
        data={"account": "admin@contoso.com", "action": "accept"},
    )
    values = services.values(answer)
    assert (values["admin_consent"], values["tenant"], values["state"]) == (
        "True",
        services.tenant()["id"],
        "s2",
    )
    assert {grant["consentType"] for grant in services.tenant()["grants"]} == {"AllPrincipals"}
    assert any("Exchange.Manage" in grant["scope"] for grant in services.tenant()["grants"])
    assert len(services.tenant()["role_assignments"]) == 7


def test_application_permissions_take_a_higher_role(services: Any):
    """Consent to delegated permissions does not include application ones (facts/microsoft.md 1.5)."""
    query = CONSENT | {"client_id": services.settings.bot_client_id}
    answer = services.http.post(
        "/contoso.com/v2.0/adminconsent",
        params=query,
        data={"account": "admin@contoso.com", "action": "accept"},
    )
    assert ("AADSTS90094" in answer.text, services.tenant()["role_assignments"]) == (True, [])


def app_token(services: Any, scope: str) -> dict[str, Any]:
    """The token endpoint's answer to the bot's app alone, in contoso."""
    return services.redeem("contoso.com", grant_type="client_credentials", scope=scope).json()


def test_an_app_alone(services: Any):
    """An app-only token carries exactly the granted roles, and Graph and Exchange accept it."""
    services.change(users={"admin@contoso.com": {"roles": ["Privileged Role Administrator"]}})
    query = CONSENT | {"client_id": services.settings.bot_client_id}
    assert app_token(services, services.graph_scope)["error_codes"] == [700016]
    services.http.post(
        "/contoso.com/v2.0/adminconsent",
        params=query,
        data={"account": "admin@contoso.com", "action": "accept"},
    )
    graph, exchange = (
        app_token(services, scope)["access_token"]
        for scope in (services.graph_scope, services.exchange_scope)
    )
    assert (len(roles(graph)), roles(exchange)) == (6, ["Exchange.ManageAsApp"])
    read = services.http.get(
        "/graph/v1.0/policies/identitySecurityDefaultsEnforcementPolicy",
        headers={"Authorization": f"Bearer {graph}"},
    )
    write = services.http.post(
        "/graph/v1.0/applications",
        json={"displayName": "x"},
        headers={"Authorization": f"Bearer {graph}"},
    )
    assert (read.status_code, write.status_code, cmdlet(services, exchange)) == (200, 403, 403)
    services.change(principal_roles={services.settings.bot_client_id: ["Global Reader"]})
    assert cmdlet(services, exchange) == 200
    services.change(drop_app_roles={services.settings.bot_client_id: ["Policy.Read.All"]})
    assert "Policy.Read.All" not in roles(app_token(services, services.graph_scope)["access_token"])
    services.change(drop_app_roles={services.settings.bot_client_id: []})
    assert roles(app_token(services, services.graph_scope)["access_token"]) == []


def roles(token: str) -> list[str]:
    """The token's roles."""
    found: list[str] = jwt.decode(token, options={"verify_signature": False})["roles"]
    return found


def cmdlet(services: Any, token: str) -> int:
    """The status of a cmdlet that reads."""
    return int(services.invoke(token, "Get-OrganizationConfig").status_code)


def test_declined_admin_consent_still_says_admin_consent(services: Any):
    """``admin_consent`` is True in the error case too, so only ``error`` shows the refusal."""
    query = CONSENT | {"client_id": services.settings.bot_client_id}
    answer = services.http.post(
        "/contoso.com/v2.0/adminconsent",
        params=query,
        data={"account": "admin@contoso.com", "action": "decline"},
    )
    values = services.values(answer)
    assert (values["admin_consent"], values["error"], values["error_description"][:11]) == (
        "True",
        "consent_required",
        "AADSTS65004",
    )


def test_admin_consent_takes_an_administrator(services: Any):
    """Somebody without a role meets the page that asks for one, and nothing is granted."""
    query = CONSENT | {"client_id": services.settings.bot_client_id}
    answer = services.http.post(
        "/contoso.com/v2.0/adminconsent",
        params=query,
        data={"account": "helpdesk@contoso.com", "action": "accept"},
    )
    assert ("AADSTS90094" in answer.text, services.tenant()["grants"]) == (True, [])
