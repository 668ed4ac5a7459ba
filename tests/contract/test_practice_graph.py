"""Answers of the practice Graph against the subset of Graph's specification.

The tests are skipped if the file with the specification is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema
import pytest

from practice.shared import ABSENT, GRAPH
from practice.tls import Tls
from tests.contract.openapi import specification
from tests.fixtures.practice_cloud import administrators_token, practice_cloud

SCOPES = (
    "offline_access Application.ReadWrite.All DelegatedPermissionGrant.ReadWrite.All "
    "AppRoleAssignment.ReadWrite.All Policy.Read.All "
    "User.Read.All Directory.Read.All ExchangeMessageTrace.Read.All AuditLog.Read.All"
)
EXCHANGE = "00000002-0000-0ff1-ce00-000000000000"
LISTS = (
    "/applications",
    "/servicePrincipals",
    "/oauth2PermissionGrants",
    "/users",
    "/organization",
    "/identity/conditionalAccess/policies",
    "/auditLogs/signIns",
    "/admin/exchange/tracing/messageTraces",
)
SINGLES = (
    "/policies/authorizationPolicy",
    "/policies/identitySecurityDefaultsEnforcementPolicy",
    "/policies/defaultAppManagementPolicy",
)
pytestmark = pytest.mark.skipif(not GRAPH.exists(), reason=ABSENT)


def closed(schema: Any) -> Any:
    """Return the schema so that it allows only its own properties and OData's annotations.

    The elements of a list are restricted in the same way. Graph's metadata lack ``createdDateTime``
    of a service principal, which recorded answers have.
    """
    if "properties" in schema and "value" in schema["properties"]:
        value = schema["properties"]["value"]
        return schema | {
            "properties": schema["properties"]
            | {"value": value | {"items": closed(value["items"])}}
        }
    allowed = {"^@odata": {}, "^createdDateTime$": {}}
    return schema | {"patternProperties": allowed, "unevaluatedProperties": False}


class Graph:
    """Client that calls Graph as the administrator and validates every answer."""

    def __init__(self, http: httpx.Client, token: str) -> None:
        self._http, self._headers = http, {"Authorization": f"Bearer {token}"}
        self._spec = specification(GRAPH)

    def call(self, method: str, path: str, template: str, body: Any = None, **headers: str) -> Any:
        """Return the body of an answer.

        The call fails if its status or body is not in the specification.
        """
        answer = self._http.request(
            method, f"/graph/v1.0{path}", json=body, headers=self._headers | headers
        )
        responses = self._spec["paths"][template][method.lower()]["responses"]
        found = responses.get(str(answer.status_code)) or responses.get(
            f"{str(answer.status_code)[0]}XX"
        )
        assert found is not None, (template, answer.status_code)
        if not answer.content:
            assert "content" not in found
            return None
        schema = closed(found["content"]["application/json"]["schema"]) | {
            "components": self._spec["components"]
        }
        jsonschema.Draft202012Validator(schema).validate(answer.json())
        return answer.json()


@pytest.fixture
def graph(certificates: Tls) -> Iterator[Graph]:
    """Client of a started practice cloud, with an administrator's token for it."""
    with practice_cloud(certificates) as (cloud, http):
        yield Graph(http, administrators_token(http, cloud.world.settings, SCOPES))


def test_reading_keeps_to_the_specification(graph: Graph):
    """Every list and every single object that a run reads is as the specification says."""
    graph.call(
        "POST",
        "/servicePrincipals",
        "/servicePrincipals",
        {"appId": "8bd644d1-64a1-4d4b-ae52-2e0cbf64e373"},
    )
    for path in (*LISTS, *SINGLES):
        assert graph.call("GET", path, path) is not None
    graph.call(
        "GET", f"/servicePrincipals(appId='{EXCHANGE}')", "/servicePrincipals(appId='{appId}')"
    )
    graph.call(
        "GET", "/users/support@contoso.com?$select=id,assignedPlans,proxyAddresses", "/users/{id}"
    )


def test_writing_keeps_to_the_specification(graph: Graph):
    """Every answer in the whole life of an email app is as the specification says.

    The life of the app is an upsert, a secret, a service principal, a role, a grant, and the
    deletion.
    """
    by_name, template = (
        "/applications(uniqueName='mail')",
        "/applications(uniqueName='{uniqueName}')",
    )
    body = {"displayName": "Mail", "signInAudience": "AzureADMyOrg"}
    app = graph.call("PATCH", by_name, template, body, Prefer="create-if-missing")
    graph.call("PATCH", by_name, template, {"notes": "x"}, Prefer="create-if-missing")
    secret = graph.call(
        "POST",
        f"/applications/{app['id']}/addPassword",
        "/applications/{id}/addPassword",
        {"passwordCredential": {}},
    )
    graph.call(
        "POST",
        f"/applications/{app['id']}/removePassword",
        "/applications/{id}/removePassword",
        {"keyId": secret["keyId"]},
    )
    client = graph.call("POST", "/servicePrincipals", "/servicePrincipals", {"appId": app["appId"]})
    resource = graph.call(
        "GET", f"/servicePrincipals(appId='{EXCHANGE}')", "/servicePrincipals(appId='{appId}')"
    )
    assignment = {
        "principalId": client["id"],
        "resourceId": resource["id"],
        "appRoleId": resource["appRoles"][0]["id"],
    }
    graph.call(
        "POST",
        f"/servicePrincipals/{resource['id']}/appRoleAssignedTo",
        "/servicePrincipals/{id}/appRoleAssignedTo",
        assignment,
    )
    graph.call(
        "GET",
        f"/servicePrincipals/{client['id']}/appRoleAssignments",
        "/servicePrincipals/{id}/appRoleAssignments",
    )
    grant = {
        "clientId": client["id"],
        "consentType": "AllPrincipals",
        "resourceId": resource["id"],
        "scope": "SMTP.Send",
    }
    made = graph.call("POST", "/oauth2PermissionGrants", "/oauth2PermissionGrants", grant)
    graph.call(
        "PATCH",
        f"/oauth2PermissionGrants/{made['id']}",
        "/oauth2PermissionGrants/{id}",
        {"scope": "SMTP.Send offline_access"},
    )
    graph.call("DELETE", f"/oauth2PermissionGrants/{made['id']}", "/oauth2PermissionGrants/{id}")
    graph.call("DELETE", f"/applications/{app['id']}", "/applications/{id}")


def test_errors_keep_to_the_specification(graph: Graph):
    """Each error of the practice Graph is as the specification says.

    The errors are for an object that is missing, not valid or made twice.
    """
    graph.call("GET", "/applications/none", "/applications/{id}")
    graph.call("POST", "/applications", "/applications", {"color": "red"})
    graph.call("POST", "/servicePrincipals", "/servicePrincipals", {"appId": EXCHANGE})
