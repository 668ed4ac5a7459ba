"""Applications of Graph: create, upsert by uniqueName, change, delete (microsoft.md 1.1)."""

from typing import Any, Final

from practice.microsoft.graph import odata, shapes
from practice.microsoft.graph.call import (
    APP_ROLES,
    APPS_READ,
    APPS_WRITE,
    Answer,
    Call,
    GraphError,
    absent,
    bad,
    denied,
    route,
)
from practice.microsoft.world import first, stamp

Json = dict[str, Any]
KIND: Final = "applications"
REDIRECTS: Final = "web/redirectUris"
"""Property that only an advanced query filters, by ``eq`` or ``startsWith`` of one value."""
FILTERS: Final = {
    "displayName": odata.TEXT,
    "appId": odata.EQ,
    "id": odata.EQ,
    "uniqueName": odata.EQ,
    "signInAudience": odata.EQ,
    "tags": frozenset({"any"}),
    "identifierUris": frozenset({"any"}),
    REDIRECTS: frozenset({"any", "startswith"}),
}
KEYS: Final = {"appid": "appId", "uniquename": "uniqueName", "id": "id"}


def key_of(key: str) -> dict[str, str]:
    """Return the property and value of an OData key, ``/id`` or ``(name='value')``."""
    if key.startswith("/"):
        return {"id": key[1:]}
    name, equals, value = key[1:-1].partition("=")
    if not equals:
        name, value = "id", name
    if name.strip().lower() not in KEYS:
        raise bad(f"'{name}' is not a key of this resource.")
    return {KEYS[name.strip().lower()]: value.strip().strip("'").replace("''", "'")}


def find(call: Call, key: str) -> Json:
    """Return the application with this key, as a reader sees it.

    Raises:
        GraphError: with status 404 when no reader sees such an application.
    """
    wanted = key_of(key)
    if found := call.world.find(call.tenant.applications, **wanted):
        return found
    raise absent(next(iter(wanted.values())))


def for_writing(call: Call, key: str) -> Json:
    """Return the application as it was last written, if this reader can see it at all.

    Therefore a write never starts from a stale copy.
    """
    known = find(call, key)
    return first(call.tenant.applications.written(), {"id": known["id"]}) or known


def may_write(call: Call, app: Json | None) -> None:
    """Check that the caller may write an app.

    Administrators of apps may write all apps. Others may write their own, or create one if the
    tenant allows that.

    Raises:
        GraphError: with status 403 otherwise.
    """
    if call.role(APP_ROLES):
        return
    user = call.user
    if app is None and call.tenant.policies.users_create_apps:
        return
    if user is None or app is None or app.get("_owner") != user.id:
        denied()


@route("GET", "/applications", APPS_READ)
def list_(call: Call) -> Answer:
    """Return the applications of the tenant."""
    odata.need_advanced(call, REDIRECTS)
    found = odata.filtered(call, call.world.seen(call.tenant.applications), FILTERS)
    found = odata.searched(call, found)
    return odata.listed(
        call, [odata.select(call, shapes.shown(item), shapes.APPLICATION) for item in found], KIND
    )


@route("POST", "/applications", APPS_WRITE)
def create(call: Call) -> Answer:
    """Create an application; two may have the same name."""
    may_write(call, None)
    return _create(call, call.body)


@route("GET", "/applications{key}", APPS_READ)
def get(call: Call, key: str) -> Answer:
    """Return one application by its key."""
    return odata.single(
        call, odata.select(call, shapes.shown(find(call, key)), shapes.APPLICATION), KIND
    )


@route("PATCH", "/applications{key}", APPS_WRITE)
def patch(call: Call, key: str) -> Answer:
    """Change an application and return 204.

    By uniqueName and with ``Prefer: create-if-missing``, a missing application is created (201).
    """
    wanted = key_of(key)
    by_name = "uniqueName" in wanted
    known = first(call.tenant.applications.written(), wanted) if by_name else for_writing(call, key)
    if known is None and call.upsert:
        may_write(call, None)
        return _create(call, call.body | wanted)
    if known is None:
        raise absent(wanted["uniqueName"])
    may_write(call, known)
    shapes.check_application(call.body)
    if (
        call.body.get("uniqueName", known["uniqueName"]) != known["uniqueName"]
        and known["uniqueName"]
    ):
        raise bad("Property 'uniqueName' cannot be changed once it is set.")
    after = call.world.put(call.tenant.applications, shapes.merged(known, call.body))
    call.note("update_application", after["displayName"], known, after)
    return Answer(204)


@route("DELETE", "/applications{key}", APPS_WRITE)
def delete(call: Call, key: str) -> Answer:
    """Delete an application and its service principal in this tenant.

    The application is moved to the recycle bin.
    """
    known = find(call, key)
    may_write(call, known)
    call.tenant.applications.drop(known["id"])
    call.tenant.recycled.append(known)
    if principal := first(call.tenant.principals.written(), {"appId": known["appId"]}):
        drop_principal(call, principal)
    call.note("delete_application", known["displayName"], known)
    return Answer(204)


def drop_principal(call: Call, principal: Json) -> None:
    """Remove a service principal with its grants and assignments."""
    call.tenant.principals.drop(principal["id"])
    for grant in call.tenant.grants.written():
        if principal["id"] in {grant["clientId"], grant["resourceId"]}:
            call.tenant.grants.drop(grant["id"])
    for assignment in call.tenant.assignments.written():
        if principal["id"] in {assignment["principalId"], assignment["resourceId"]}:
            call.tenant.assignments.drop(assignment["id"])


def _create(call: Call, body: Json) -> Answer:
    shapes.check_application(body)
    if not body.get("displayName"):
        raise bad("A value is required for property 'displayName' of resource 'Application'.")
    name = body.get("uniqueName")
    if name and first(
        [*call.tenant.applications.written(), *call.tenant.recycled], {"uniqueName": name}
    ):
        raise GraphError(
            409,
            "Request_MultipleObjectsWithSameKeyValue",
            "Another object with the same value for property uniqueName already exists.",
        )
    made = shapes.merged(shapes.new_application(call.tenant, stamp(call.world.now())), body)
    made |= {
        "createdByAppId": call.claims["appid"],
        "_owner": call.user.id if call.user else call.claims["oid"],
    }
    call.world.put(call.tenant.applications, made)
    call.note("create_application", made["displayName"], None, made)
    return odata.single(
        call,
        {key: value for key, value in shapes.shown(made).items() if not key.startswith("_")},
        KIND,
        201,
    )
