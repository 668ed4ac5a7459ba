"""Setters of a tenant's state from outside, one for each key.

Tests, faults and people use them.
"""

from collections.abc import Callable
from typing import Any, Final

from practice.microsoft import ids
from practice.microsoft.world import Mailbox, Tenant, User, World, first

Json = dict[str, Any]
Setter = Callable[[World, Tenant, Any], None]


class Unknown(Exception):  # noqa: N818 - the name is clear
    """Error because no setter has a key, or because an object does not exist."""


def change(world: World, tenant: Tenant, values: Json) -> None:
    """Set every named value of a tenant's state.

    Raises:
        Unknown: when a key or an object is unknown. An unknown key is found before anything is set.
    """
    strange = sorted(set(values) - set(SETTERS))
    if strange:
        raise Unknown(f"{', '.join(strange)}: the words are {', '.join(sorted(SETTERS))}")
    for name, value in values.items():
        SETTERS[name](world, tenant, value)
        world.journal.write("practice", "control", name, tenant.domains[0], None, value)


def _exchange(name: str) -> Setter:
    return lambda _world, tenant, value: setattr(tenant.exchange, name, value)


def _policy(name: str) -> Setter:
    return lambda _world, tenant, value: setattr(tenant.policies, name, value)


def _dehydrated(_world: World, tenant: Tenant, value: Any) -> None:
    tenant.exchange.dehydrated, tenant.exchange.customized_at = bool(value), None


def _user(tenant: Tenant, name: str) -> User:
    if found := tenant.user(str(name)):
        return found
    raise Unknown(f"no user {name}")


def _users(_world: World, tenant: Tenant, value: Json) -> None:
    """Set the properties of users.

    The value is ``{upn: {enabled, licensed, mail, roles, authentication_policy, aliases, mailbox:
    {...}}}``.
    """
    for name, fields in value.items():
        user = _user(tenant, name)
        for key, item in fields.items():
            if key == "mailbox":
                _mailbox(user, item)
            elif key == "roles":
                user.roles = {_role(role) for role in item}
            elif key in {
                "enabled",
                "licensed",
                "mail",
                "authentication_policy",
                "aliases",
                "sign_in_error",
                "login_reply",
                "restricted",
            }:
                setattr(user, key, item)
            else:
                raise Unknown(f"users.{key}")


def _mailbox(user: User, fields: Json | None) -> None:
    if fields is None:
        user.mailbox = None
        return
    box = user.mailbox = user.mailbox or Mailbox()
    for key, value in fields.items():
        if not hasattr(box, key):
            raise Unknown(f"mailbox.{key}")
        setattr(box, key, set(value) if key in {"full_access", "send_as"} else value)


def _role(name: str) -> str:
    """Return the ID of a role given by its display name or its template ID."""
    known = {title.lower(): key for key, title in ids.ROLE_NAMES.items()}
    return known.get(name.lower(), name)


def _revoke(world: World, tenant: Tenant, value: Any) -> None:
    _user(tenant, value).sessions_valid_from = world.now()


def _application(tenant: Tenant, app_id: str) -> Json:
    if found := first(tenant.applications.written(), {"appId": app_id}):
        return found
    raise Unknown(f"no application {app_id}")


def _application_patch(_world: World, tenant: Tenant, value: Json) -> None:
    """Change apps as a person in the portal would: ``{appId: {property: value}}``."""
    for app_id, fields in value.items():
        tenant.applications.seed(_application(tenant, app_id) | fields)


def _delete_application(_world: World, tenant: Tenant, value: Any) -> None:
    tenant.applications.drop(_application(tenant, str(value))["id"])


def _empty_recycle_bin(_world: World, tenant: Tenant, _value: Any) -> None:
    """Remove the deleted apps for good, as the portal does it.

    Their unique names can then be used again.
    """
    tenant.recycled.clear()


def _principal(_world: World, tenant: Tenant, value: Json) -> None:
    """Change or remove service principals: ``{appId: {property: value} or null}``."""
    for app_id, fields in value.items():
        found = first(tenant.principals.written(), {"appId": app_id})
        if found is None:
            raise Unknown(f"no service principal {app_id}")
        if fields is None:
            tenant.principals.drop(found["id"])
        else:
            tenant.principals.seed(found | fields)


def _principal_roles(_world: World, tenant: Tenant, value: Json) -> None:
    """Set the directory roles of service principals: ``{appId: [role, ...]}``."""
    for app_id, roles in value.items():
        found = first(tenant.principals.written(), {"appId": app_id})
        if found is None:
            raise Unknown(f"no service principal {app_id}")
        tenant.principal_roles[found["id"]] = {_role(role) for role in roles}


def _drop_grants(_world: World, tenant: Tenant, value: Any) -> None:
    """Remove the delegated grants of the app with this ID."""
    client = first(tenant.principals.written(), {"appId": str(value)}) or {}
    for grant in tenant.grants.written():
        if grant["clientId"] == client.get("id"):
            tenant.grants.drop(grant["id"])


def _drop_app_roles(world: World, tenant: Tenant, value: Json) -> None:
    """Remove application permissions of clients: ``{appId: [permission, ...]}``.

    An empty list removes all of them.
    """
    names = {
        role["id"]: role["value"] for roles in world.catalogue.roles.values() for role in roles
    }
    for app_id, dropped in value.items():
        client = first(tenant.principals.written(), {"appId": app_id}) or {}
        for item in list(tenant.assignments.written()):
            if item["principalId"] == client.get("id") and (
                not dropped or names.get(item["appRoleId"]) in dropped
            ):
                tenant.assignments.drop(item["id"])


SETTERS: Final[dict[str, Setter]] = {
    **{
        name: _exchange(name)
        for name in ("smtp_auth_disabled", "outbound_policies", "outbound_rules", "remote_domains")
    },
    **{
        name: _exchange(name)
        for name in ("transport_rules", "authentication_policies", "default_authentication_policy")
    },
    **{
        name: _policy(name)
        for name in ("consent", "users_create_apps", "security_defaults", "app_management")
    },
    "conditional_access": _policy("conditional_access"),
    "dehydrated": _dehydrated,
    "log_numbers_itself": lambda _, tenant, value: setattr(tenant, "log_numbers_itself", value),
    "users": _users,
    "revoke_sessions": _revoke,
    "applications": _application_patch,
    "delete_application": _delete_application,
    "empty_recycle_bin": _empty_recycle_bin,
    "service_principals": _principal,
    "principal_roles": _principal_roles,
    "drop_grants": _drop_grants,
    "drop_app_roles": _drop_app_roles,
}
