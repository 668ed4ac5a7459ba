"""Service principals of Graph (platforms/microsoft.md 1.3).

An app made through Graph gets a service principal only by a call to this resource.
"""

from itertools import islice
from typing import Any, Final

from practice.microsoft import ids
from practice.microsoft.graph import odata, shapes
from practice.microsoft.graph.applications import drop_principal, key_of, may_write
from practice.microsoft.graph.call import (
    APPS_READ,
    APPS_WRITE,
    Answer,
    Call,
    GraphError,
    absent,
    bad,
    route,
)
from practice.microsoft.seed import resource_principal, service_principal
from practice.microsoft.world import first, stamp

Json = dict[str, Any]
KIND: Final = "servicePrincipals"
FILTERS: Final = {
    "appId": odata.EQ,
    "id": odata.EQ,
    "displayName": odata.TEXT,
    "servicePrincipalNames": frozenset({"any"}),
    "tags": frozenset({"any"}),
    "accountEnabled": odata.EQ,
}
MOST_EXPANDED: Final = 20
"""Number of objects that ``$expand`` returns of a directory object.

Source: Graph, "Use query parameters", known limits.
"""
MICROSOFTS: Final = {
    ids.GRAPH_APP: "Microsoft Graph",
    ids.EXCHANGE_APP: "Office 365 Exchange Online",
    ids.TRACE_APP: "Exchange Online Message Trace",
}


def find(call: Call, key: str) -> Json:
    """Return the service principal with this key, as a reader sees it.

    Raises:
        GraphError: with status 404 when no reader sees such a service principal.
    """
    wanted = key_of(key)
    if found := call.world.find(call.tenant.principals, **wanted):
        return found
    raise absent(next(iter(wanted.values())))


@route("GET", "/servicePrincipals", APPS_READ)
def list_(call: Call) -> Answer:
    """Return the service principals of the tenant."""
    found = odata.filtered(call, call.world.seen(call.tenant.principals), FILTERS)
    return odata.listed(call, [odata.select(call, item, shapes.PRINCIPAL) for item in found], KIND)


@route("POST", "/servicePrincipals", APPS_WRITE)
def create(call: Call) -> Answer:
    """Create a service principal for an app ID."""
    if not call.body.get("appId"):
        raise bad("A value is required for property 'appId' of resource 'ServicePrincipal'.")
    return _create(call, call.body)


@route("GET", "/servicePrincipals{key}", APPS_READ)
def get(call: Call, key: str) -> Answer:
    """Return one service principal.

    It has the app roles that are assigned to it if the query expands them.
    """
    found = find(call, key)
    shown = odata.select(call, found, shapes.PRINCIPAL)
    expanded = call.query.get("$expand", "")
    if expanded not in {"", "appRoleAssignments"}:
        raise bad(f"Could not find a property named '{expanded}'.")
    if expanded:
        own = (
            {name: value for name, value in item.items() if not name.startswith("_")}
            for item in call.world.seen(call.tenant.assignments)
            if item["principalId"] == found["id"]
        )
        shown |= {expanded: list(islice(own, MOST_EXPANDED))}
    return odata.single(call, shown, KIND)


@route("PATCH", "/servicePrincipals{key}", APPS_WRITE)
def patch(call: Call, key: str) -> Answer:
    """Change a service principal and return 204.

    By appId and with ``Prefer: create-if-missing``, a missing one is created (201).
    """
    wanted = key_of(key)
    by_app = "appId" in wanted
    known = first(call.tenant.principals.written(), wanted) if by_app else find(call, key)
    if known is None and call.upsert:
        return _create(call, call.body | wanted)
    if known is None:
        raise absent(wanted["appId"])
    may_write(call, {"_owner": known.get("_owner")})
    shapes.check_names(
        {name: value for name, value in call.body.items() if name != "appId"},
        shapes.PRINCIPAL_WRITABLE,
        "ServicePrincipal",
    )
    after = call.world.put(call.tenant.principals, shapes.merged(known, call.body))
    call.note("update_service_principal", after["displayName"], known, after)
    return Answer(204)


@route("DELETE", "/servicePrincipals{key}", APPS_WRITE)
def delete(call: Call, key: str) -> Answer:
    """Delete a service principal with its grants and assignments."""
    known = find(call, key)
    may_write(call, {"_owner": known.get("_owner")})
    drop_principal(call, known)
    call.note("delete_service_principal", known["displayName"], known)
    return Answer(204)


def _create(call: Call, body: Json) -> Answer:
    shapes.check_names(body, shapes.PRINCIPAL_WRITABLE, "ServicePrincipal")
    app_id = str(body["appId"]).lower()
    made = shapes.merged(_backed(call, app_id), body)
    if first(call.tenant.principals.written(), {"appId": app_id}):
        text = (
            "The service principal cannot be created, updated, or restored because the "
            f"service principal name {app_id} is already in use."
        )
        raise GraphError(409, "Request_MultipleObjectsWithSameKeyValue", text)
    made |= {
        "createdDateTime": stamp(call.world.now()),
        "_owner": call.user.id if call.user else call.claims["oid"],
    }
    call.world.put(call.tenant.principals, made)
    call.note(
        "create_service_principal", made["displayName"], None, {"id": made["id"], "appId": app_id}
    )
    return odata.single(
        call, {key: value for key, value in made.items() if not key.startswith("_")}, KIND, 201
    )


def _backed(call: Call, app_id: str) -> Json:
    """Return the new service principal of an existing app.

    Raises:
        GraphError: with status 400 when no application that this tenant may use has the ID, or 403
            without permission.
    """
    if app_id in MICROSOFTS:
        may_write(call, {})
        return resource_principal(call.world, app_id, MICROSOFTS[app_id])
    found = call.world.application(app_id)
    if found is None or (
        found[0].id != call.tenant.id and found[1].get("signInAudience") == "AzureADMyOrg"
    ):
        text = f"The appId '{app_id}' of the service principal does not reference a valid application object."
        raise GraphError(400, "Request_BadRequest", text, detail="NoBackingApplicationObject")
    home, app = found
    may_write(call, {"_owner": app.get("_owner")})
    kept = {
        "appOwnerOrganizationId": home.id,
        "signInAudience": app.get("signInAudience"),
        "replyUrls": app["web"]["redirectUris"],
    }
    return service_principal(app_id, app["displayName"]) | kept
