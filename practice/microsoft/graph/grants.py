"""Delegated grants (oauth2PermissionGrants) and app role assignments (microsoft.md 1.5)."""

from collections.abc import Iterable
from typing import Any, Final

from practice.microsoft import ids
from practice.microsoft.graph import odata
from practice.microsoft.graph.call import (
    APPS_READ,
    ASSIGN,
    GRANTS_READ,
    GRANTS_WRITE,
    Answer,
    Call,
    GraphError,
    absent,
    bad,
    route,
)
from practice.microsoft.graph.principals import find
from practice.microsoft.signin import consent
from practice.microsoft.world import first

Json = dict[str, Any]
GRANT: Final = frozenset({"clientId", "consentType", "principalId", "resourceId", "scope"})
FILTERS: Final = dict.fromkeys(("clientId", "consentType", "principalId", "resourceId"), odata.EQ)
ASSIGNED: Final = ("principalId", "resourceId", "appRoleId")
ASSIGNMENT: Final = frozenset(
    {
        "appRoleId",
        "createdDateTime",
        "principalDisplayName",
        "principalId",
        "principalType",
        "resourceDisplayName",
        "resourceId",
    }
)


@route("GET", "/oauth2PermissionGrants", GRANTS_READ)
def list_(call: Call) -> Answer:
    """Return the delegated grants of the tenant."""
    found = odata.filtered(call, call.world.seen(call.tenant.grants), FILTERS)
    return odata.listed(
        call, [odata.select(call, item, GRANT) for item in found], "oauth2PermissionGrants"
    )


@route("POST", "/oauth2PermissionGrants", GRANTS_WRITE)
def create(call: Call) -> Answer:
    """Create a delegated grant.

    There is one grant for each client, resource, consent type and principal.
    """
    call.need_role(ids.CONSENTERS)
    made = _checked(call)
    key = {name: made[name] for name in ("clientId", "resourceId", "consentType", "principalId")}
    if first(call.tenant.grants.written(), key):
        raise GraphError(
            409, "Request_MultipleObjectsWithSameKeyValue", "Permission entry already exists."
        )
    call.world.put(call.tenant.grants, made)
    call.note("create_grant", made["scope"], None, made)
    return odata.single(call, made, "oauth2PermissionGrants", 201)


def _checked(call: Call) -> Json:
    body = {name: value for name, value in call.body.items() if not name.startswith("@odata.")}
    for name in set(body) - GRANT - {"startTime", "expiryTime"}:
        raise bad(f"Invalid property '{name}'.")
    _need(body, ("clientId", "consentType", "resourceId"), "OAuth2PermissionGrant")
    _check_consent_type(body)
    _check_objects(call, body)
    made = {name: body.get(name) for name in GRANT} | {"scope": body.get("scope") or ""}
    return made | {"id": consent.grant_id(made)}


def _check_objects(call: Call, body: Json) -> None:
    """Check that the client, the resource and the user are in the tenant."""
    for name in ("clientId", "resourceId"):
        if not call.world.find(call.tenant.principals, id=body[name]):
            raise absent(body[name])
    principal = body.get("principalId")
    if principal and principal not in call.tenant.users:
        raise absent(principal)


def _need(body: Json, names: Iterable[str], resource: str) -> None:
    for name in names:
        if not body.get(name):
            raise bad(f"A value is required for property '{name}' of resource '{resource}'.")


def _check_consent_type(body: Json) -> None:
    kind = body["consentType"]
    if kind not in {"AllPrincipals", "Principal"}:
        raise bad(
            "Invalid value specified for property 'consentType' of resource 'OAuth2PermissionGrant'."
        )
    if (kind == "Principal") != bool(body.get("principalId")):
        raise bad("principalId is required for consentType Principal, and only for it.")


def _grant(call: Call, key: str) -> Json:
    grant_id = key.strip("/()'")
    if found := call.world.find(call.tenant.grants, id=grant_id):
        return found
    raise absent(grant_id)


@route("PATCH", "/oauth2PermissionGrants{key}", GRANTS_WRITE)
def patch(call: Call, key: str) -> Answer:
    """Replace the scopes of a delegated grant.

    The other properties of a grant cannot be changed.
    """
    call.need_role(ids.CONSENTERS)
    known = _grant(call, key)
    if set(call.body) != {"scope"} or not isinstance(call.body["scope"], str):
        raise bad("Only the property 'scope' of an OAuth2PermissionGrant can be updated.")
    after = call.world.put(call.tenant.grants, known | {"scope": call.body["scope"]})
    call.note("update_grant", after["scope"], known, after)
    return Answer(204)


@route("DELETE", "/oauth2PermissionGrants{key}", GRANTS_WRITE)
def delete(call: Call, key: str) -> Answer:
    """Delete a delegated grant."""
    call.need_role(ids.CONSENTERS)
    known = _grant(call, key)
    call.tenant.grants.drop(known["id"])
    call.note("delete_grant", known["scope"], known)
    return Answer(204)


@route("GET", "/servicePrincipals{key}/appRoleAssignments", APPS_READ | ASSIGN)
def assignments(call: Call, key: str) -> Answer:
    """Return the assignments of app roles to a client."""
    return _assignments(call, "principalId", find(call, key)["id"])


@route("GET", "/servicePrincipals{key}/appRoleAssignedTo", APPS_READ | ASSIGN)
def assigned_to(call: Call, key: str) -> Answer:
    """Return the assignments of a resource's app roles."""
    return _assignments(call, "resourceId", find(call, key)["id"])


def _assignments(call: Call, name: str, value: str) -> Answer:
    found = [item for item in call.world.seen(call.tenant.assignments) if item[name] == value]
    return odata.listed(
        call, [odata.select(call, item, ASSIGNMENT) for item in found], "appRoleAssignments"
    )


@route("POST", "/servicePrincipals{key}/appRoleAssignments", ASSIGN, APPS_READ)
@route("POST", "/servicePrincipals{key}/appRoleAssignedTo", ASSIGN, APPS_READ)
def assign(call: Call, key: str) -> Answer:
    """Assign an app role of a resource to a client.

    This is admin consent to an application permission.
    """
    owner, body = find(call, key), call.body
    _need(body, ASSIGNED, "AppRoleAssignment")
    if owner["id"] not in {body["principalId"], body["resourceId"]}:
        raise bad("The principal or the resource has to be the one in the address.")
    client = call.world.find(call.tenant.principals, id=body["principalId"])
    resource = call.world.find(call.tenant.principals, id=body["resourceId"])
    if client is None or resource is None:
        raise bad("Not a valid reference update.")
    _check_assignable(call, resource, body)
    made = call.world.put(
        call.tenant.assignments, consent.assignment(call.world, client, resource, body["appRoleId"])
    )
    call.note("assign_role", client["displayName"], None, made)
    return odata.single(call, made, "appRoleAssignments", 201)


def _check_assignable(call: Call, resource: Json, body: Json) -> None:
    """Check that the app role can be assigned.

    The caller must have a directory role that may consent. The resource must have the app role, and
    the app role must not be assigned yet.
    """
    graph = resource["appId"] == ids.GRAPH_APP
    call.need_role(ids.GRAPH_ROLE_CONSENTERS if graph else ids.CONSENTERS)
    if body["appRoleId"] not in {role["id"] for role in resource["appRoles"]}:
        raise bad("Permission being assigned was not found on application.")
    if first(call.tenant.assignments.written(), {name: body[name] for name in ASSIGNED}):
        raise bad("Permission being assigned already exists on the object.")
