"""Many tenants with many working channels, made in one call.

Tests of the check of all channels need so many, without hundreds of conversations.
"""

from datetime import timedelta
from typing import Any, Final

from practice.microsoft import ids, seed
from practice.microsoft.graph import shapes
from practice.microsoft.signin import consent
from practice.microsoft.world import LONG_AGO, Mailbox, Tenant, User, World, first, new_id, stamp

Json = dict[str, Any]
YEAR: Final = timedelta(days=365)


def make(world: World, wanted: Json) -> Json:
    """Create tenants with channels and return their IDs.

    ``wanted`` is ``{"tenants": {domain: {mailbox: the app's uniqueName}}, "redirect_uris",
    "forwarding_address", "bot_reads"}``.

    Each tenant has an administrator, ``admin@DOMAIN``, who may grant everything. With ``bot_reads``
    the tenants let the bot's own app read, including Exchange.

    The result is ``{domain: {"id": tenant, "channels": {mailbox: {"client_id", "key_id"}}}}``.
    """
    made: Json = {}
    for domain, channels in wanted["tenants"].items():
        tenant = _tenant(world, domain)
        if wanted.get("bot_reads"):
            _let_bot_read(world, tenant)
        made[domain] = {
            "id": tenant.id,
            "channels": {
                box: _channel(world, tenant, box, name, wanted) for box, name in channels.items()
            },
        }
    return made


def _tenant(world: World, domain: str) -> Tenant:
    tenant = Tenant(new_id(), domain, (domain,), exchange=seed.organization())
    tenant.exchange.dehydrated = False
    tenant.exchange.outbound_policies[0]["AutoForwardingMode"] = "On"
    world.tenants[tenant.id] = tenant
    roles = {
        ids.PRIVILEGED_ROLE_ADMINISTRATOR,
        ids.CLOUD_APPLICATION_ADMINISTRATOR,
        ids.EXCHANGE_ADMINISTRATOR,
    }
    tenant.add(User(new_id(), f"admin@{domain}", f"admin@{domain}", "Administrator", roles=roles))
    names = {
        ids.GRAPH_APP: "Microsoft Graph",
        ids.EXCHANGE_APP: "Office 365 Exchange Online",
        ids.TRACE_APP: "Message trace",
    }
    for app_id, name in names.items():
        tenant.principals.seed(seed.resource_principal(world, app_id, name))
    return tenant


def _let_bot_read(world: World, tenant: Tenant) -> None:
    found = world.application(world.settings.bot_client_id)
    if found is None:
        raise LookupError("the bot's own app")
    home, app = found
    principal = consent.ensure_principal(tenant, home, app)
    for app_id in (ids.GRAPH_APP, ids.EXCHANGE_APP):
        resource = consent.resource_of(tenant, app_id)
        names = consent.declared(world, app, app_id, "Role")
        for role in (role for role in world.catalogue.roles[app_id] if role["value"] in names):
            tenant.assignments.seed(consent.assignment(world, principal, resource, role["id"]))
    tenant.principal_roles[principal["id"]] = {ids.GLOBAL_READER}


def _channel(world: World, tenant: Tenant, mailbox: str, unique_name: str, wanted: Json) -> Json:
    forwarding = f"smtp:{wanted['forwarding_address']}"
    box = Mailbox(
        smtp_auth_disabled=False, forwarding_smtp_address=forwarding, deliver_and_forward=True
    )
    user = tenant.add(
        User(new_id(), mailbox, mailbox, mailbox, mailbox=box, sessions_valid_from=LONG_AGO)
    )
    app = shapes.new_application(tenant, stamp(world.now()))
    key = {
        "keyId": new_id(),
        "displayName": "Webex Connect crowd",
        "hint": "abc",
        "startDateTime": stamp(world.now()),
    }
    app |= {
        "displayName": mailbox,
        "uniqueName": unique_name,
        "signInAudience": "AzureADMyOrg",
        "web": app["web"] | {"redirectUris": list(wanted["redirect_uris"])},
        "requiredResourceAccess": [world.catalogue.declare(ids.EXCHANGE_APP, ("SMTP.Send",))],
        "passwordCredentials": [key | {"endDateTime": stamp(world.now() + YEAR)}],
    }
    tenant.applications.seed(app)
    principal = tenant.principals.seed(
        seed.service_principal(app["appId"], mailbox) | {"appOwnerOrganizationId": tenant.id}
    )
    for app_id, scope in (
        (ids.EXCHANGE_APP, "SMTP.Send"),
        (ids.GRAPH_APP, "offline_access openid profile"),
    ):
        resource = first(tenant.principals.written(), {"appId": app_id}) or {}
        grant = {
            "clientId": principal["id"],
            "consentType": "Principal",
            "principalId": user.id,
            "resourceId": resource["id"],
            "scope": scope,
        }
        tenant.grants.seed(grant | {"id": consent.grant_id(grant)})
    return {"client_id": app["appId"], "key_id": key["keyId"]}
