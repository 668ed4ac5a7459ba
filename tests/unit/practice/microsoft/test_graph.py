"""Tests of the practice Graph: apps, secrets, service principals, grants and errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from practice.microsoft import catalogue

ROOT = Path(__file__).parents[4]
NAME = "/applications(uniqueName='webexconnect-support')"
CREATE = {"Prefer": "create-if-missing"}
BODY = {
    "displayName": "Mail",
    "signInAudience": "AzureADMyOrg",
    "web": {"redirectUris": ["https://a.example/callback"]},
}


def code(answer: Any) -> tuple[int, str]:
    """Return the HTTP status and the error code of an answer."""
    return answer.status_code, answer.json()["error"]["code"]


def made(services: Any) -> dict[str, Any]:
    """Create the email app by upsert, and return it."""
    return services.graph("PATCH", NAME, BODY, **CREATE).json()


def test_upsert_creates_then_updates_then_misses(services: Any):
    """An upsert creates an app with 201, updates it with 204, and needs its ``Prefer`` header."""
    missing = services.graph("PATCH", NAME, BODY)
    created, updated = (
        services.graph("PATCH", NAME, BODY, **CREATE),
        services.graph("PATCH", NAME, {"notes": "n"}, **CREATE),
    )
    assert (code(missing), created.status_code, updated.status_code, updated.content) == (
        (404, "Request_ResourceNotFound"),
        201,
        204,
        b"",
    )
    seen = services.graph("GET", NAME).json()
    assert (seen["uniqueName"], seen["notes"], seen["web"]["redirectUris"]) == (
        "webexconnect-support",
        "n",
        ["https://a.example/callback"],
    )


def test_patch_replaces_lists_and_keeps_the_rest_of_web(services: Any):
    """A PATCH of ``redirectUris`` replaces the whole list and keeps the implicit grant settings."""
    app = made(services)
    services.graph(
        "PATCH",
        f"/applications/{app['id']}",
        {"web": {"implicitGrantSettings": {"enableAccessTokenIssuance": True}}},
    )
    services.graph(
        "PATCH",
        f"/applications/{app['id']}",
        {"web": {"redirectUris": ["https://b.example/callback"]}},
    )
    web = services.graph("GET", f"/applications(appId='{app['appId']}')").json()["web"]
    assert (web["redirectUris"], web["implicitGrantSettings"]["enableAccessTokenIssuance"]) == (
        ["https://b.example/callback"],
        True,
    )


@pytest.mark.parametrize(
    "body",
    [
        {"color": "red"},
        {"passwordCredentials": []},
        {"appId": "x"},
        {"web": {"redirectUris": ["http://a.example/callback"]}},
    ],
)
def test_what_cannot_be_written_is_refused(services: Any, body: dict[str, Any]):
    """An unknown property, a read-only property, and a redirect URI with http are each a 400."""
    assert code(services.graph("PATCH", NAME, BODY | body, **CREATE)) == (400, "Request_BadRequest")


def test_select_is_honoured_and_checked(services: Any):
    """With ``$select`` only the named properties come, and an unknown name is an error."""
    app = made(services)
    seen = services.graph("GET", f"/applications/{app['id']}?$select=appId,displayName").json()
    assert set(seen) == {"@odata.context", "id", "appId", "displayName"}
    assert code(services.graph("GET", f"/applications/{app['id']}?$select=color")) == (
        400,
        "Request_BadRequest",
    )


def test_a_secret_is_told_once(services: Any):
    """``addPassword`` shows the secret once; later only its first three characters can be read."""
    app = made(services)
    secret = services.graph(
        "POST",
        f"/applications/{app['id']}/addPassword",
        {"passwordCredential": {"displayName": "one"}},
    ).json()
    kept = services.graph("GET", f"/applications/{app['id']}").json()["passwordCredentials"]
    assert [(item["hint"], item["secretText"], item["keyId"]) for item in kept] == [
        (secret["secretText"][:3], None, secret["keyId"])
    ]
    assert secret["secretText"] not in services.http.get("/practice/tenants/contoso.com").text
    assert (
        services.graph(
            "POST", f"/applications/{app['id']}/removePassword", {"keyId": secret["keyId"]}
        ).status_code
        == 204
    )
    assert services.graph("GET", f"/applications/{app['id']}").json()["passwordCredentials"] == []


def test_an_app_management_policy_forbids_secrets(services: Any):
    """The tenant's app management policy can forbid new secrets, in Microsoft's words."""
    app = made(services)
    rule = {"restrictionType": "passwordAddition", "state": "enabled"}
    services.change(
        app_management={
            "isEnabled": True,
            "applicationRestrictions": {"passwordCredentials": [rule]},
        }
    )
    answer = services.graph("POST", f"/applications/{app['id']}/addPassword", {})
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        400,
        "Credential type not allowed as per assigned policy",
    )


def test_only_a_request_makes_a_service_principal(services: Any):
    """An app has no service principal until a request makes one; a second request is a 409."""
    app = made(services)
    assert services.graph("GET", f"/servicePrincipals(appId='{app['appId']}')").status_code == 404
    assert services.graph("POST", "/servicePrincipals", {"appId": app["appId"]}).status_code == 201
    assert code(services.graph("POST", "/servicePrincipals", {"appId": app["appId"]})) == (
        409,
        "Request_MultipleObjectsWithSameKeyValue",
    )


def test_new_objects_are_unknown_until_they_are_replicated(services: Any):
    """A new app is unknown until it is replicated.

    Until then a read is a 404, a service principal has no backing application, and a token request
    gets AADSTS700016.
    """
    admin = services.token("admin@contoso.com", services.graph_scope)
    services.settings.replication_s = 60
    app = made(services)
    principal = services.graph("POST", "/servicePrincipals", {"appId": app["appId"]})
    token = services.redeem(
        tenant="contoso.com",
        client_id=app["appId"],
        client_secret="x",
        grant_type="refresh_token",
        refresh_token="x",
    )
    assert admin
    assert services.graph("GET", f"/applications/{app['id']}").status_code == 404
    assert "does not reference a valid application object" in principal.json()["error"]["message"]
    assert principal.json()["error"]["details"][0]["code"] == "NoBackingApplicationObject"
    assert token.json()["error_codes"] == [700016]
    services.wait(minutes=2)
    assert services.graph("POST", "/servicePrincipals", {"appId": app["appId"]}).status_code == 201


def test_a_stale_read_shows_the_state_before(services: Any):
    """A read within the replication delay shows the state before a change."""
    app = made(services)
    services.settings.replication_s = 60
    services.wait(minutes=2)
    services.graph("PATCH", NAME, {"notes": "new"})
    stale = services.graph("GET", f"/applications/{app['id']}").json()["notes"]
    services.wait(minutes=2)
    assert (stale, services.graph("GET", NAME).json()["notes"]) == (None, "new")


def principal_of(services: Any) -> dict[str, Any]:
    """Make the email app and its service principal, and return the service principal."""
    return services.graph("POST", "/servicePrincipals", {"appId": made(services)["appId"]}).json()


def test_a_grant_is_one_object_and_its_scope_is_replaced(services: Any):
    """A second POST of the same grant is a 409, and a PATCH replaces the grant's scope."""
    user = services.tenant()["users"]["support@contoso.com"]["id"]
    body = {
        "clientId": principal_of(services)["id"],
        "consentType": "Principal",
        "principalId": user,
        "resourceId": services.resource()["id"],
        "scope": "SMTP.Send",
    }
    first, second = (
        services.graph("POST", "/oauth2PermissionGrants", body),
        services.graph("POST", "/oauth2PermissionGrants", body),
    )
    assert (first.status_code, code(second)) == (
        201,
        (409, "Request_MultipleObjectsWithSameKeyValue"),
    )
    assert (
        services.graph(
            "PATCH", f"/oauth2PermissionGrants/{first.json()['id']}", {"scope": "Mail.Send"}
        ).status_code
        == 204
    )
    found = services.graph(
        "GET", f"/oauth2PermissionGrants?$filter=clientId eq '{body['clientId']}'"
    ).json()["value"]
    assert [item["scope"] for item in found] == ["Mail.Send"]


def test_an_app_role_is_assigned_once(services: Any):
    """A Cloud Application Administrator can assign Exchange's Mail.Send once, but not Graph's."""
    client, exchange, graph = (
        principal_of(services),
        services.resource(),
        services.resource("00000003-0000-0000-c000-000000000000"),
    )
    answers = []
    for resource in (exchange, exchange, graph):
        role = next(item["id"] for item in resource["appRoles"] if item["value"] == "Mail.Send")
        body = {"principalId": client["id"], "resourceId": resource["id"], "appRoleId": role}
        answers.append(
            services.graph("POST", f"/servicePrincipals/{resource['id']}/appRoleAssignedTo", body)
        )
    assert [answer.status_code for answer in answers] == [201, 400, 403]
    assert (
        answers[1].json()["error"]["message"]
        == "Permission being assigned already exists on the object."
    )


def test_ids_of_permissions_are_new_at_every_start(services: Any):
    """The id that documents often give for SMTP.Send is not among the ids that Exchange exposes."""
    assert "258f6531-6087-4cc4-bb90-092c5fb3ed3f" not in {
        item["id"] for item in services.resource()["oauth2PermissionScopes"]
    }


def test_wrong_audience_no_token_and_no_permission(services: Any):
    """Graph answers 401 to a token for Exchange, and 403 without the scope.

    The errors repeat the ids of the request.
    """
    exchange = services.token("admin@contoso.com", services.exchange_scope)
    own = {"Authorization": f"Bearer {exchange}", "client-request-id": "c-1"}
    wrong = services.http.get("/graph/v1.0/applications", headers=own)
    small = services.sign_in("helpdesk@contoso.com", "openid User.Read")["access_token"]
    denied = services.http.get(
        "/graph/v1.0/applications", headers={"Authorization": f"Bearer {small}"}
    )
    assert (code(wrong), code(denied)) == (
        (401, "InvalidAuthenticationToken"),
        (403, "Authorization_RequestDenied"),
    )
    assert (
        wrong.headers["client-request-id"]
        == wrong.json()["error"]["innerError"]["client-request-id"]
        == "c-1"
    )
    assert services.http.get("/graph/v1.0/me").status_code == 401


def test_an_expired_token_is_401(services: Any):
    """Graph answers 401 to an access token that is two hours old."""
    token = services.token("admin@contoso.com", services.graph_scope)
    services.wait(hours=2)
    assert (
        services.http.get(
            "/graph/v1.0/me", headers={"Authorization": f"Bearer {token}"}
        ).status_code
        == 401
    )


def test_a_user_is_found_by_upn_or_id_and_by_mail_only_with_a_filter(services: Any):
    """A mail address that is not the UPN finds a user in a filter, but not as a key."""
    assert services.graph("GET", "/users/service@contoso.com").status_code == 404
    query = "/users?$filter=mail eq 'service@contoso.com'&$select=userPrincipalName,accountEnabled"
    assert [
        (row["userPrincipalName"], row["accountEnabled"])
        for row in services.graph("GET", query).json()["value"]
    ] == [("s.desk@contoso.com", True)]


def test_a_filter_joins_with_and_and_or(services: Any):
    """A filter with ``or`` finds the user by either of two addresses.

    A broken filter and an unsupported property are 400.
    """
    query = (
        "/users?$filter=proxyAddresses/any(p:p eq 'smtp:none@contoso.com') or mail eq "
        "'service@contoso.com' and accountEnabled eq true"
    )
    assert [row["mail"] for row in services.graph("GET", query).json()["value"]] == [
        "service@contoso.com"
    ]
    broken = [
        services.graph("GET", f"/users?$filter={text}").status_code
        for text in ("mail eq", "mail eq 'a' 'b'", "surname eq 'a'")
    ]
    assert broken == [400, 400, 400]


REDIRECTED = "/applications?$filter=web/redirectUris/any(p:{})&$select=displayName"
ADVANCED = {"ConsistencyLevel": "eventual"}


def test_redirect_uris_take_an_advanced_query(services: Any):
    """Apps are found by a redirect URI with ``eq`` and ``startsWith``, but not with ``endsWith``.

    The query needs the header ``ConsistencyLevel`` and ``$count``.
    """
    web = {"redirectUris": ["https://contoso.us.webexconnect.io/callback"]}
    body = {"displayName": "Webex Connect", "web": web, "signInAudience": "AzureADMyOrg"}
    services.graph("POST", "/applications", body)
    begins, ends = ("startswith(p,'https://contoso')", "endswith(p,'/callback')")

    def asked(clause: str, more: str = "&$count=true", **headers: str) -> tuple[int, int]:
        answer = services.graph("GET", REDIRECTED.format(clause) + more, **headers)
        return answer.status_code, len(answer.json().get("value", []))

    assert asked(begins, **ADVANCED) == (200, 1)
    assert asked("p eq 'https://contoso.us.webexconnect.io/callback'", **ADVANCED) == (200, 1)
    assert asked("startswith(p,'https://fabrikam')", **ADVANCED) == (200, 0)
    assert [asked(begins), asked(begins, "", **ADVANCED), asked(ends, **ADVANCED)] == [(400, 0)] * 3


def test_a_search_finds_words_of_a_name(services: Any):
    """``$search`` finds an app by the beginning of a word, and needs ``ConsistencyLevel``."""
    for name in ("Mail for WebexConnect", "Newsletter"):
        body = {"displayName": name, "signInAudience": "AzureADMyOrg"}
        services.graph("POST", "/applications", body)
    query = '/applications?$search="displayName:webex"'
    found = services.graph("GET", query, **ADVANCED).json()["value"]
    assert [app["displayName"] for app in found] == ["Mail for WebexConnect"]
    assert services.graph("GET", query).status_code == 400


def test_assigned_plans_come_only_when_asked_for(services: Any):
    """A user's plans come only with ``$select``, and a user without a license has none."""
    assert "assignedPlans" not in services.graph("GET", "/users/support@contoso.com").json()
    found = {
        name: services.graph("GET", f"/users/{name}@contoso.com?$select=assignedPlans").json()[
            "assignedPlans"
        ]
        for name in ("support", "unlicensed")
    }
    assert ([plan["service"] for plan in found["support"]], found["unlicensed"]) == (
        ["exchange"],
        [],
    )


def test_the_policies_can_be_read(services: Any):
    """The tenant's policies can be read, and have the defaults of a new tenant."""
    read = {
        name: services.graph("GET", f"/policies/{name}").json()
        for name in ("authorizationPolicy", "identitySecurityDefaultsEnforcementPolicy")
    }
    assigned = read["authorizationPolicy"]["defaultUserRolePermissions"][
        "permissionGrantPoliciesAssigned"
    ]
    assert assigned == ["ManagePermissionGrantsForSelf.microsoft-user-default-recommended"]
    assert read["identitySecurityDefaultsEnforcementPolicy"]["isEnabled"] is False


def test_a_message_trace_needs_its_own_service_principal(services: Any):
    """The message trace needs its service principal, and takes a span of ten days at most."""
    path = "/admin/exchange/tracing/messageTraces"
    assert services.graph("GET", path).status_code == 403
    services.graph("POST", "/servicePrincipals", {"appId": "8bd644d1-64a1-4d4b-ae52-2e0cbf64e373"})
    assert services.graph("GET", path).json()["value"] == []
    long = "?$filter=receivedDateTime ge 2026-01-01T00:00:00Z and receivedDateTime le 2026-01-20T00:00:00Z"
    assert services.graph("GET", path + long).status_code == 400


def test_the_product_has_no_real_permission_id(services: Any):
    """The product has none of the real ids of Exchange's permissions in its code.

    It reads them from the tenant, and the practice cloud exposes the real ones.
    """
    real = {*catalogue.REAL_SCOPES.values(), *catalogue.REAL_ROLES.values()}
    exposed = services.resource()
    shown = {each["id"] for each in (*exposed["appRoles"], *exposed["oauth2PermissionScopes"])}
    assert real <= shown
    sources = [path for folder in ("jobs", "bot") for path in (ROOT / folder).rglob("*.py")]
    assert len(sources) > 100
    assert [path for path in sources if any(each in path.read_text("utf-8") for each in real)] == []
