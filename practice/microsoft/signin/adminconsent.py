"""Endpoints of admin consent, the new one and the old one (platforms/microsoft.md 1.6)."""

from typing import Any, Final

from practice.microsoft import ids
from practice.microsoft.signin import clients, consent, pages, scopes
from practice.microsoft.signin.authorize import Redirect
from practice.microsoft.signin.clients import Client
from practice.microsoft.signin.errors import Trouble
from practice.microsoft.world import Tenant, User, World, new_id

Json = dict[str, Any]
Query = dict[str, str]
KEPT: Final = ("client_id", "redirect_uri", "scope", "state")


def validate(world: World, tenant: str, query: Query, *, legacy: bool) -> Client:
    """Check all requirements of the admin consent page and return the client.

    Raises:
        Trouble: when a requirement is not met.
    """
    if tenant.lower() in {"common", "consumers"} and not legacy:
        raise Trouble(90002, (tenant,))
    client = _client(world, tenant, query.get("client_id", ""))
    for name in () if legacy else ("redirect_uri", "scope"):
        if not query.get(name):
            raise Trouble(900144, (name,))
    if query.get("redirect_uri"):
        clients.check_redirect(client.app, query["redirect_uri"])
    _asked(world, client, query)
    return client


def _client(world: World, tenant: str, client_id: str) -> Client:
    found = world.application(client_id) if client_id else None
    here = clients.tenant_named(world, tenant)
    if found and here is None and found[1].get("signInAudience") == "AzureADMyOrg":
        return clients.client(world, found[0].id, client_id)
    return clients.client(world, tenant, client_id)


def _asked(
    world: World, client: Client, query: Query
) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Return the requested delegated scopes and app roles by resource.

    Only ``.default`` includes app roles.
    """
    text = query.get("scope") or f"{scopes.GRAPH}/.default"
    request = scopes.parse(text, world)
    roles: dict[str, set[str]] = {}
    if any(item.default for item in request.wanted):
        roles = {
            app_id: consent.declared(world, client.app, app_id, "Role")
            for app_id in consent.resources(client.app)
        }
    asked = consent.asked(world, client.app, request)
    if request.oidc:
        asked.setdefault(ids.GRAPH_APP, set()).update(request.oidc)
    return asked, roles


def show(world: World, tenant: str, query: Query, *, legacy: bool) -> str:
    """Return the admin consent page with the accounts and the requested permissions."""
    client = validate(world, tenant, query, legacy=legacy)
    asked, roles = _asked(world, client, query)
    names = [
        name for group in (asked, roles) for values in group.values() for name in sorted(values)
    ]
    tenants = [client.tenant] if client.tenant else list(world.tenants.values())
    kept = [(name, query[name]) for name in KEPT if name in query]
    title = "Permissions requested: review for your organization"
    return pages.chooser(
        title,
        client.app["displayName"],
        names,
        pages.accounts(tenants, query.get("login_hint", "")),
        kept,
    )


def choose(world: World, tenant: str, query: Query, *, legacy: bool) -> Redirect | None:
    """Handle the choice on the admin consent page and return the redirect.

    The result is None for the old endpoint without a redirect URI.
    """
    client = validate(world, tenant, query, legacy=legacy)
    state = (("state", query["state"]),) if "state" in query else ()
    if query.get("action", "").lower() != "accept":
        return _to(query, (("admin_consent", "True"), *_declined(world, legacy=legacy), *state))
    home, user = client.tenant_for(world, query.get("account", ""))
    _grant(world, client, home, user, query)
    scope = (("scope", query["scope"]),) if query.get("scope") and not legacy else ()
    return _to(query, (("admin_consent", "True"), ("tenant", home.id), *scope, *state))


def _to(query: Query, values: tuple[tuple[str, str], ...]) -> Redirect | None:
    return Redirect(query["redirect_uri"], values) if query.get("redirect_uri") else None


def _declined(world: World, *, legacy: bool) -> tuple[tuple[str, str], ...]:
    text = Trouble(65004).description(new_id(), new_id(), world.now())
    return (
        ("error", "access_denied" if legacy else "consent_required"),
        ("error_description", text),
    )


def _grant(world: World, client: Client, tenant: Tenant, user: User, query: Query) -> None:
    asked, roles = _asked(world, client, query)
    if not user.roles & ids.CONSENTERS:
        raise Trouble(90094)
    if roles.get(ids.GRAPH_APP) and not user.roles & ids.GRAPH_ROLE_CONSENTERS:
        raise Trouble(90094)
    principal = clients.principal_of(client, tenant)
    consent.agree(
        world, tenant, principal, {app_id: names for app_id, names in asked.items() if names}, None
    )
    for app_id, names in roles.items():
        consent.assign_roles(world, tenant, principal, app_id, names)
