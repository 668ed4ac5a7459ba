"""Tests of admin consent and of app-only tokens in the practice Microsoft."""

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
    """Application permissions need a higher role than delegated ones (platforms/microsoft.md 1.5).

    So an administrator without that role is refused, and no app role is assigned.
    """
    query = CONSENT | {"client_id": services.settings.bot_client_id}
    answer = services.http.post(
        "/contoso.com/v2.0/adminconsent",
        params=query,
        data={"account": "admin@contoso.com", "action": "accept"},
    )
    assert ("AADSTS90094" in answer.text, services.tenant()["role_assignments"]) == (True, [])


def app_token(services: Any, scope: str) -> dict[str, Any]:
    """Ask for an app-only token of the bot's app in contoso, and return the answer."""
    return services.redeem("contoso.com", grant_type="client_credentials", scope=scope).json()


def test_an_app_alone(services: Any):
    """An app-only token carries exactly the granted roles, and Graph accepts the token for them.

    Exchange accepts the token once the app has a directory role.
    """
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
    """Return the app roles that the token carries."""
    found: list[str] = jwt.decode(token, options={"verify_signature": False})["roles"]
    return found


def cmdlet(services: Any, token: str) -> int:
    """Run a cmdlet that only reads, and return the status of the answer."""
    return int(services.invoke(token, "Get-OrganizationConfig").status_code)


def test_declined_admin_consent_still_says_admin_consent(services: Any):
    """After a declined admin consent, ``admin_consent`` is True all the same.

    Only ``error`` shows the refusal.
    """
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
    """A person without an administrator's role gets the page that asks for one.

    No permission is granted then.
    """
    query = CONSENT | {"client_id": services.settings.bot_client_id}
    answer = services.http.post(
        "/contoso.com/v2.0/adminconsent",
        params=query,
        data={"account": "helpdesk@contoso.com", "action": "accept"},
    )
    assert ("AADSTS90094" in answer.text, services.tenant()["grants"]) == (True, [])
