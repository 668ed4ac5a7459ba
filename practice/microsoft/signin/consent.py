"""Consent: the existing grants, and who may grant (platforms/microsoft.md 1.5 to 1.7)."""

import base64
import uuid
from typing import Any, Final

from practice.microsoft import ids
from practice.microsoft.seed import service_principal
from practice.microsoft.signin.errors import UNKNOWN_PERMISSION, Trouble
from practice.microsoft.signin.scopes import Request, Wanted
from practice.microsoft.world import Tenant, User, World, first, new_id, stamp

Json = dict[str, Any]
SELF: Final = "managepermissiongrantsforself."
OPEN_POLICIES: Final = (
    SELF + "microsoft-user-default-legacy",
    SELF + "microsoft-user-default-recommended",
)
EXCLUDED: Final = frozenset(
    {
        "EAS.AccessAsUser.All",
        "EWS.AccessAsUser.All",
        "IMAP.AccessAsUser.All",
        "POP.AccessAsUser.All",
    }
)


def granted(tenant: Tenant, client: Json, user: User, resource: Json) -> set[str]:
    """Return the scopes that this client has for this user on a resource.

    A grant counts at once ("takes effect immediately").
    """
    scopes: set[str] = set()
    for grant in tenant.grants.written():
        mine = grant["consentType"] == "AllPrincipals" or grant["principalId"] == user.id
        if mine and grant["clientId"] == client["id"] and grant["resourceId"] == resource["id"]:
            scopes.update(grant["scope"].split())
    return scopes


def declared(world: World, app: Json, app_id: str, kind: str = "Scope") -> set[str]:
    """Return the permissions of a kind that the app declares on a resource.

    Raises:
        Trouble: AADSTS65006 for an ID that the resource does not expose.
    """
    exposed = world.catalogue.scopes if kind == "Scope" else world.catalogue.roles
    names = {item["id"]: str(item["value"]) for item in exposed.get(app_id, [])}
    wanted = {access.get("id") for access in _accesses(app, app_id) if access.get("type") == kind}
    if not wanted <= set(names):
        raise Trouble(UNKNOWN_PERMISSION, (app_id, app["appId"]))
    return {names[number] for number in wanted}


def _accesses(app: Json, app_id: str) -> list[Json]:
    """Return the permissions of both kinds that the app requires on a resource."""
    entries = app.get("requiredResourceAccess", [])
    mine = (entry for entry in entries if entry.get("resourceAppId") == app_id)
    return [access for entry in mine for access in entry.get("resourceAccess", [])]


def resources(app: Json) -> list[str]:
    """Return the app IDs of the resources on which the app declares permissions."""
    return [str(entry.get("resourceAppId", "")) for entry in app.get("requiredResourceAccess", [])]


def asked(world: World, app: Json, request: Request) -> dict[str, set[str]]:
    """Return the scopes that a person has to consent to, by resource app ID.

    ``.default`` means everything that is declared on every resource.
    """
    if any(item.default for item in request.wanted):
        named = {item.app_id for item in request.wanted}
        return {app_id: declared(world, app, app_id) for app_id in {*resources(app), *named}}
    scopes: dict[str, set[str]] = {}
    for item in request.wanted:
        scopes.setdefault(item.app_id, set()).update(item.scopes)
    return scopes


def missing(
    world: World, tenant: Tenant, client: Json | None, user: User, scopes: dict[str, set[str]]
) -> dict[str, set[str]]:
    """Return the requested scopes that still need consent, by resource app ID.

    OpenID's own scopes never need consent here.
    """
    left: dict[str, set[str]] = {}
    for app_id, names in scopes.items():
        resource = resource_of(tenant, app_id)
        have = granted(tenant, client, user, resource) if client else set()
        kinds = {item["value"]: item["type"] for item in world.catalogue.scopes[app_id]}
        if rest := {
            name
            for name in names - have
            if name in kinds and name not in {"openid", "profile", "email", "offline_access"}
        }:
            left[app_id] = rest
    return left


def resource_of(tenant: Tenant, app_id: str) -> Json:
    """Return the resource's service principal in the tenant.

    Raises:
        Trouble: AADSTS500011 when the tenant has no such service principal.
    """
    if found := first(tenant.principals.written(), {"appId": app_id}):
        return found
    raise Trouble(500011, (app_id, tenant.name))


def may_consent(
    world: World, tenant: Tenant, user: User, left: dict[str, set[str]], client: Json | None
) -> bool:
    """Return whether this user may consent on the user's own behalf.

    An administrator always may. For others the tenant's policy decides (microsoft.md 1.7).
    """
    if user.roles & ids.CONSENTERS:
        return True
    if client and client.get("appRoleAssignmentRequired"):
        return False
    for app_id, names in left.items():
        kinds = {item["value"]: item["type"] for item in world.catalogue.scopes[app_id]}
        if any(kinds[name] == "Admin" or not _allowed(tenant, app_id, name) for name in names):
            return False
    return True


def _allowed(tenant: Tenant, app_id: str, name: str) -> bool:
    policies = {policy.lower() for policy in tenant.policies.consent}
    if OPEN_POLICIES[0] in policies:
        return True
    return OPEN_POLICIES[1] in policies and not (app_id == ids.EXCHANGE_APP and name in EXCLUDED)


def grant_id(grant: Json) -> str:
    """Return the id of a grant: its client, resource and principal in base64url.

    The id has 43 characters for the whole organization, and 64 for one user.
    """
    parts = (grant["clientId"], grant["resourceId"], grant["principalId"])
    number = b"".join(uuid.UUID(part).bytes_le for part in parts if part)
    return base64.urlsafe_b64encode(number).decode().rstrip("=")


def agree(
    world: World, tenant: Tenant, client: Json, scopes: dict[str, set[str]], user: User | None
) -> None:
    """Write the grants for one user, or for the whole organization if ``user`` is None."""
    for app_id, names in scopes.items():
        resource = resource_of(tenant, app_id)
        key = {
            "clientId": client["id"],
            "resourceId": resource["id"],
            "consentType": "Principal" if user else "AllPrincipals",
            "principalId": user.id if user else None,
        }
        old = first(tenant.grants.written(), key)
        scope = " ".join(sorted({*(old["scope"].split() if old else ()), *names}))
        grant = key | {"id": old["id"] if old else grant_id(key), "scope": scope}
        world.put(tenant.grants, grant)
        world.journal.write(
            user.upn if user else "administrator",
            "entra",
            "consent",
            client["displayName"],
            old,
            grant,
        )


def assign_roles(world: World, tenant: Tenant, client: Json, app_id: str, names: set[str]) -> None:
    """Assign app roles of a resource to the client's service principal, once each."""
    resource = resource_of(tenant, app_id)
    for role in world.catalogue.roles.get(app_id, []):
        key = {"principalId": client["id"], "resourceId": resource["id"], "appRoleId": role["id"]}
        if role["value"] in names and not first(tenant.assignments.written(), key):
            world.put(tenant.assignments, assignment(world, client, resource, role["id"]))
            world.journal.write(
                "administrator", "entra", "assign_role", client["displayName"], None, role["value"]
            )


def assignment(world: World, client: Json, resource: Json, role_id: str) -> Json:
    """Return an appRoleAssignment of a service principal."""
    return {
        "id": new_id(),
        "appRoleId": role_id,
        "createdDateTime": stamp(world.now()),
        "principalDisplayName": client["displayName"],
        "principalId": client["id"],
        "principalType": "ServicePrincipal",
        "resourceDisplayName": resource["displayName"],
        "resourceId": resource["id"],
    }


def ensure_principal(tenant: Tenant, home: Tenant, app: Json) -> Json:
    """Return the client's service principal in this tenant; create it for a multitenant app.

    Raises:
        Trouble: AADSTS700016 for a single-tenant app of another tenant, or an app at home without one.
    """
    if found := first(tenant.principals.written(), {"appId": app["appId"]}):
        return found
    if home.id == tenant.id or app.get("signInAudience") == "AzureADMyOrg":
        raise Trouble(700016, (app["appId"], tenant.name))
    made = service_principal(app["appId"], app["displayName"]) | {"appOwnerOrganizationId": home.id}
    return tenant.principals.seed(made)


def usable(tenant: Tenant, client: Json, user: User, item: Wanted) -> set[str]:
    """Return the scopes that a token for a resource gets.

    Raises:
        Trouble: AADSTS65001 when a requested scope lacks consent.
    """
    have = granted(tenant, client, user, resource_of(tenant, item.app_id))
    needed = set() if item.default else set(item.scopes)
    if not have or needed - have:
        raise Trouble(65001, (client["appId"],))
    return have


def roles_of(world: World, tenant: Tenant, client: Json, app_id: str) -> list[str]:
    """Return the app roles of a resource that the client's service principal has."""
    resource = resource_of(tenant, app_id)
    names = {role["id"]: str(role["value"]) for role in world.catalogue.roles.get(app_id, [])}
    mine = (
        item
        for item in world.seen(tenant.assignments)
        if item["principalId"] == client["id"] and item["resourceId"] == resource["id"]
    )
    return sorted(names[item["appRoleId"]] for item in mine if item["appRoleId"] in names)
