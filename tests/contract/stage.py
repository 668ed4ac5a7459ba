"""Objects in the practice cloud that a recorded request is about, with their own ids.

Each recorded id, name and address that must exist there is replaced with one that exists. An object
that the recording did not find is not replaced, so the practice cloud does not find it either.
"""

import json
import re
from collections.abc import Callable
from typing import Any

import httpx

from practice.microsoft import Cloud, ids
from practice.microsoft.world import first

Json = dict[str, Any]
ADMIN = "admin@contoso.com"
GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_EQUALS = re.compile(r"\$filter=(?P<name>\w+) eq '(?P<value>[^']*)'")
_STARTS = re.compile(r"startswith\((?P<name>\w+), ?'(?P<value>[^']*)'\)")
_ANY = re.compile(r"\$filter=(?P<name>\w+)/any\(\w:\w eq '(?P<value>[^']*)'\)")


class Stage:
    """Practice tenant of one recorded request; ``own`` maps recorded values to the tenant's own."""

    def __init__(self, cloud: Cloud, http: httpx.Client, token: str) -> None:
        self._http = http
        self._headers = {"Authorization": f"Bearer {token}"}
        self.cloud, self.own = cloud, dict[str, str]()
        self.tenant = cloud.world.tenants[cloud.world.tenant("contoso.com").id]  # type: ignore[union-attr]  # it is seeded
        self._made: list[str] = []

    def graph(self, method: str, path: str, body: Any = None, query: str = "") -> httpx.Response:
        """Send a request to the practice Graph as its administrator."""
        url = f"/graph/v1.0{path}" + (f"?{query}" if query else "")
        return self._http.request(method, url, json=body, headers=self._headers)

    def made(self, path: str, body: Json) -> Json:
        """Create an object, and return it."""
        answer = self.graph("POST", path, body)
        assert answer.is_success, answer.text
        return dict(answer.json())

    def application(self, name: str = "Recorded", **more: Any) -> Json:
        """Create an application, which the stage deletes at the end."""
        app = self.made("/applications", {"displayName": name, **more})
        self._made.append(app["id"])
        return app

    def principal(self, app: Json | None = None, name: str = "Recorded") -> Json:
        """Create the service principal of an application."""
        return self.made("/servicePrincipals", {"appId": (app or self.application(name))["appId"]})

    def grant(self, client: str, consent: str = "AllPrincipals") -> Json:
        """Create a delegated grant for a client on Microsoft Graph."""
        resource = first(self.tenant.principals.written(), {"appId": ids.GRAPH_APP}) or {}
        body = {"clientId": client, "consentType": consent, "resourceId": resource["id"]}
        return self.made("/oauth2PermissionGrants", body | {"scope": "User.Read"})

    def clear(self) -> None:
        """Delete the applications that the stage has made."""
        for app_id in self._made:
            self.graph("DELETE", f"/applications/{app_id}")
        self._made.clear()

    def send(self, recorded: Json) -> httpx.Response:
        """Send the recorded request with the tenant's own values in it."""
        request = recorded["request"]
        return self.graph(
            request["method"],
            self.with_own(request["path"].removeprefix("/v1.0")),
            json.loads(self.with_own(json.dumps(request["body"]))) if request["body"] else None,
            self.with_own(request["query"] or ""),
        )

    def with_own(self, text: str) -> str:
        """Return a text in which the tenant's own values replace the recorded ones."""
        for recorded, own in self.own.items():
            text = text.replace(recorded, own)
        return text

    def prepare(self, recorded: Json) -> None:
        """Make the objects that the recorded request found, and nothing if it found nothing."""
        request, response = recorded["request"], recorded["response"]
        path = request["path"].removeprefix("/v1.0")
        for form, make in PREPARED:
            if re.match(form, f"{request['method']} {path}", re.IGNORECASE):
                if response["status"] < 400 or recorded["id"].startswith("issue-"):
                    make(self, recorded)
                return


def _guid(recorded: Json) -> str:
    """Return the first id in the path."""
    found = GUID.search(recorded["request"]["path"])
    return found[0] if found else "<id>"


def _application_by_id(stage: Stage, recorded: Json) -> None:
    uris = (recorded["request"]["body"] or {}).get("web", {})
    stage.own[_guid(recorded)] = stage.application(**({"web": uris} if uris else {}))["id"]


def _password_of(stage: Stage, recorded: Json) -> None:
    app = stage.application()
    stage.own[_guid(recorded)] = app["id"]
    body = recorded["request"]["body"] or {}
    if end := (body.get("passwordCredential") or {}).get("endDateTime"):
        stage.own[end] = "2099-01-01T00:00:00Z"  # the recorded one is over
    if given := body.get("keyId"):
        made = stage.graph("POST", f"/applications/{app['id']}/addPassword", {})
        stage.own[given] = made.json()["keyId"]


def _application_by_filter(stage: Stage, recorded: Json) -> None:
    if not recorded["response"]["body"]["value"]:
        return
    query = recorded["request"]["query"]
    if found := _EQUALS.search(query):
        stage.own[found["value"]] = stage.application()["appId"]
    elif found := _STARTS.search(query):
        stage.application(found["value"])
    elif found := _ANY.search(query):
        stage.application(identifierUris=[found["value"]])
    else:
        stage.application()


def _principal_by_id(stage: Stage, recorded: Json) -> None:
    stage.own[_guid(recorded)] = stage.principal()["id"]


def _principal_by_filter(stage: Stage, recorded: Json) -> None:
    rows = recorded["response"]["body"]["value"]
    query = recorded["request"]["query"] or ""
    found = _EQUALS.search(query) or _ANY.search(query)
    if not rows or found is None or found["value"] == ids.GRAPH_APP:
        return
    if found["name"] == "displayName":
        stage.principal(name=found["value"])
        return
    made = stage.principal()
    if GUID.fullmatch(found["value"]):
        stage.own[found["value"]] = made["appId"]
    else:
        names = {"servicePrincipalNames": [found["value"]]}
        stage.graph("PATCH", f"/servicePrincipals/{made['id']}", names)


def _principal_to_make(stage: Stage, recorded: Json) -> None:
    if recorded["response"]["status"] < 400:
        stage.own[recorded["request"]["body"]["appId"]] = stage.application()["appId"]


def _grants(stage: Stage, recorded: Json) -> None:
    if recorded["response"]["body"]["value"]:
        client = stage.principal()["id"]
        stage.grant(client)
        if found := _EQUALS.search(recorded["request"]["query"] or ""):
            stage.own[found["value"]] = client


def _grant_to_make(stage: Stage, recorded: Json) -> None:
    body = recorded["request"]["body"]
    client = stage.principal()["id"]
    if body is None:  # the issue tells only the answer: the same grant a second time
        resource = stage.grant(client)["resourceId"]
        given = {"clientId": client, "consentType": "AllPrincipals", "resourceId": resource}
        recorded["request"]["body"] = given | {"scope": "User.Read"}
        return
    graph = first(stage.tenant.principals.written(), {"appId": ids.GRAPH_APP}) or {}
    stage.own |= {body["clientId"]: client, body["resourceId"]: graph["id"]}


def _grant_by_id(stage: Stage, recorded: Json) -> None:
    number = recorded["request"]["path"].rpartition("/")[2]
    stage.own[number] = stage.grant(stage.principal()["id"])["id"]


def _user_by_filter(stage: Stage, recorded: Json) -> None:
    query = recorded["request"]["query"]
    found = _EQUALS.search(query) or _STARTS.search(query)
    if recorded["response"]["body"]["value"] and found:
        stage.own[found["value"]] = ADMIN if "@" in found["value"] else "Ada"


def _user_by_key(stage: Stage, recorded: Json) -> None:
    found = re.search(r"[\w.]+@[\w.]+|" + GUID.pattern, recorded["request"]["path"])
    if found:
        stage.own[found[0]] = ADMIN


def _assigned_to(stage: Stage, recorded: Json) -> None:
    graph = first(stage.tenant.principals.written(), {"appId": ids.GRAPH_APP}) or {}
    exchange = first(stage.tenant.principals.written(), {"appId": ids.EXCHANGE_APP}) or {}
    role = next(each for each in exchange["appRoles"] if each["value"] == "Mail.Send")
    client = stage.principal()["id"]
    body = {"principalId": client, "resourceId": exchange["id"], "appRoleId": role["id"]}
    stage.made(f"/servicePrincipals/{client}/appRoleAssignments", body)
    stage.own |= {"<id>": exchange["id"], "<graph>": graph["id"]}


def _policies(stage: Stage, recorded: Json) -> None:
    frequency = {"signInFrequency": {"isEnabled": True, "type": "hours", "value": 1}}
    stage.tenant.policies.conditional_access = [
        {
            "id": "11111111-2222-4333-8444-555555555555",
            "displayName": "Sign in again",
            "createdDateTime": "2026-01-01T00:00:00Z",
            "modifiedDateTime": "2026-01-02T00:00:00Z",
            "state": "enabled",
            "conditions": {"locations": {"includeLocations": ["All"], "excludeLocations": []}},
            "grantControls": {"operator": "OR", "builtInControls": ["mfa"]},
            "sessionControls": frequency,
        }
    ]


def _secrets_forbidden(stage: Stage, recorded: Json) -> None:
    _application_by_id(stage, recorded)
    kind = "passwordAddition" if "Type" in recorded["response"]["body"]["error"]["code"] else ""
    rule = {"restrictionType": kind or "passwordLifetime", "maxLifetime": "P30D"}
    stage.tenant.policies.app_management = {
        "isEnabled": True,
        "applicationRestrictions": {"passwordCredentials": [rule]},
    }


def _password(stage: Stage, recorded: Json) -> None:
    if recorded["id"].startswith("issue-"):
        _secrets_forbidden(stage, recorded)
        recorded["request"]["body"] = {"passwordCredential": {"displayName": "x"}}
    else:
        _password_of(stage, recorded)


def _premium(stage: Stage, recorded: Json) -> None:
    stage.tenant.premium = recorded["response"]["status"] < 400


def _nothing(_stage: Stage, _recorded: Json) -> None:
    """Make nothing, because the request needs no object."""


Make = Callable[[Stage, Json], None]
PREPARED: tuple[tuple[str, Make], ...] = (
    (r"POST /applications/[^/]+/(?:add|remove)Password$", _password),
    (r"(?:GET|PATCH|DELETE) /applications/[^/]+$", _application_by_id),
    (r"GET /applications$", _application_by_filter),
    (r"GET /servicePrincipals/[^/]+/appRoleAssignedTo$", _assigned_to),
    (r"(?:GET|PATCH|DELETE) /servicePrincipals/[^/]+", _principal_by_id),
    (r"GET /servicePrincipals$", _principal_by_filter),
    (r"POST /servicePrincipals$", _principal_to_make),
    (r"GET /oauth2PermissionGrants$", _grants),
    (r"POST /oauth2PermissionGrants$", _grant_to_make),
    (r"DELETE /oauth2PermissionGrants/", _grant_by_id),
    (r"GET /users$", _user_by_filter),
    (r"GET /users", _user_by_key),
    (r"GET /identity/conditionalAccess/policies$", _policies),
    (r"GET /auditLogs/signIns$", _premium),
    (r"GET /", _nothing),
)
"""Functions that prepare the tenant, by the kind of request that needs the preparation."""
