"""Tests of signing in to an app that was made through Graph: its secrets and permissions."""

from __future__ import annotations

from typing import Any

EXCHANGE = "00000002-0000-0ff1-ce00-000000000000"
CALLBACK = "https://a.example/callback"


def made(services: Any, *access: dict[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Make an app with its service principal, and let it declare permissions on Exchange."""
    body = {
        "displayName": "Mail",
        "signInAudience": "AzureADMyOrg",
        "web": {"redirectUris": [CALLBACK]},
    }
    body["requiredResourceAccess"] = [{"resourceAppId": EXCHANGE, "resourceAccess": list(access)}]
    app = services.graph("POST", "/applications", body).json()
    return app, services.graph("POST", "/servicePrincipals", {"appId": app["appId"]}).json()


def consent(services: Any, app: dict[str, Any]) -> Any:
    """Accept, as the administrator, all permissions that the app declares."""
    query = {
        "client_id": app["appId"],
        "redirect_uri": CALLBACK,
        "scope": services.exchange_scope,
        "state": "s",
    }
    return services.http.post(
        "/contoso.com/v2.0/adminconsent",
        params=query,
        data={"account": "admin@contoso.com", "action": "accept"},
    )


def test_a_declared_id_that_is_not_exposed_breaks_default(services: Any):
    """An app that declares a permission id which Exchange does not expose fails with AADSTS65006.

    People often copy such an id, and the error appears on the consent page.
    """
    app, _ = made(services, {"id": "258f6531-6087-4cc4-bb90-092c5fb3ed3f", "type": "Scope"})
    assert "AADSTS65006" in consent(services, app).text


def test_a_grant_for_one_user_skips_consent_for_that_user_only(services: Any):
    """With user consent off, only the user of a Principal grant can sign in.

    Every other user needs an administrator.
    """
    app, client = made(services)
    user = services.tenant()["users"]["support@contoso.com"]["id"]
    grant = {
        "clientId": client["id"],
        "consentType": "Principal",
        "principalId": user,
        "resourceId": services.resource()["id"],
        "scope": "SMTP.Send",
    }
    services.graph("POST", "/oauth2PermissionGrants", grant)
    services.change(consent=[])
    query = services.query(services.smtp_scope, client_id=app["appId"], redirect_uri=CALLBACK)
    answers = [
        services.authorize(f"{name}@contoso.com", query, "contoso.com")
        for name in ("support", "agent")
    ]
    assert ("code" in services.values(answers[0]), "AADSTS90094" in answers[1].text) == (True, True)
