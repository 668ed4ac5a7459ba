"""Answers of the practice Graph against the subset of Graph's specification.

The tests are skipped if the file with the specification is missing.
"""

import jsonschema
import pytest

from practice.microsoft import ids
from practice.shared import ABSENT, GRAPH
from tests.contract.openapi import Spec, specification
from tests.fixtures.practice_cloud import administrators_token, practice_cloud

SCOPES = (
    "offline_access Application.ReadWrite.All DelegatedPermissionGrant.ReadWrite.All "
    "AppRoleAssignment.ReadWrite.All Policy.Read.All "
    "User.Read.All Directory.Read.All ExchangeMessageTrace.Read.All AuditLog.Read.All"
)
RESOURCE = f"/servicePrincipals(appId='{ids.EXCHANGE_APP}')"
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


def closed(schema):
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

    def __init__(self, http, token) -> None:
        self._http, self._headers = http, {"Authorization": f"Bearer {token}"}
        self._spec, self._template = specification(GRAPH), Spec(GRAPH).template

    def call(self, method, path, body=None, **headers):
        """Return the body of an answer.

        The call fails if its path, status or body is not in the specification.
        """
        url, headers = f"/graph/v1.0{path}", self._headers | headers
        answer = self._http.request(method, url, json=body, headers=headers)
        template = self._template(path.partition("?")[0])
        responses = self._spec["paths"][template][method.lower()]["responses"]
        status = str(answer.status_code)
        found = responses.get(status) or responses.get(f"{status[0]}XX")
        assert found is not None, (template, status)
        if not answer.content:
            assert "content" not in found
            return None
        schema = closed(found["content"]["application/json"]["schema"])
        schema |= {"components": self._spec["components"]}
        jsonschema.Draft202012Validator(schema).validate(answer.json())
        return answer.json()


@pytest.fixture
def graph(certificates):
    """Client of a started practice cloud, with an administrator's token for it."""
    with practice_cloud(certificates) as (cloud, http):
        yield Graph(http, administrators_token(http, cloud.world.settings, SCOPES))


def test_reading_keeps_to_the_specification(graph):
    """Every list and every single object that a run reads is as the specification says."""
    graph.call("POST", "/servicePrincipals", {"appId": ids.TRACE_APP})
    user = "/users/support@contoso.com?$select=id,assignedPlans,proxyAddresses"
    for path in (*LISTS, *SINGLES, RESOURCE, user):
        assert graph.call("GET", path) is not None


def test_writing_keeps_to_the_specification(graph):
    """Every answer in the whole life of an email app is as the specification says.

    The life of the app is an upsert, a secret, a service principal, a role, a grant, and the
    deletion.
    """
    by_name, body = "/applications(uniqueName='mail')", {"displayName": "Mail"}
    app = graph.call("PATCH", by_name, body, Prefer="create-if-missing")
    graph.call("PATCH", by_name, {"notes": "x"}, Prefer="create-if-missing")
    path = f"/applications/{app['id']}"
    secret = graph.call("POST", f"{path}/addPassword", {"passwordCredential": {}})
    graph.call("POST", f"{path}/removePassword", {"keyId": secret["keyId"]})
    client = graph.call("POST", "/servicePrincipals", {"appId": app["appId"]})
    resource = graph.call("GET", RESOURCE)
    role = {"principalId": client["id"], "resourceId": resource["id"]}
    role |= {"appRoleId": resource["appRoles"][0]["id"]}
    graph.call("POST", f"/servicePrincipals/{resource['id']}/appRoleAssignedTo", role)
    graph.call("GET", f"/servicePrincipals/{client['id']}/appRoleAssignments")
    grant = {"clientId": client["id"], "consentType": "AllPrincipals"}
    grant |= {"resourceId": resource["id"], "scope": "SMTP.Send"}
    made = graph.call("POST", "/oauth2PermissionGrants", grant)
    own = f"/oauth2PermissionGrants/{made['id']}"
    graph.call("PATCH", own, {"scope": "SMTP.Send offline_access"})
    graph.call("DELETE", own)
    graph.call("DELETE", path)


def test_errors_keep_to_the_specification(graph):
    """Each error of the practice Graph is as the specification says.

    The errors are for an object that is missing, not valid or made twice.
    """
    graph.call("GET", "/applications/none")
    graph.call("POST", "/applications", {"color": "red"})
    graph.call("POST", "/servicePrincipals", {"appId": ids.EXCHANGE_APP})
