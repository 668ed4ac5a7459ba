"""World of the Microsoft half at the start of the cloud.

Contoso needs every change of the article. Fabrikam is an unrelated second tenant.
"""

from typing import Any, Final

from practice.microsoft import ids
from practice.microsoft.world import (
    LONG_AGO,
    Mailbox,
    Organization,
    Policies,
    Tenant,
    User,
    World,
    new_id,
    stamp,
)

Json = dict[str, Any]

PUBLISHER: Final = "practice.example"
BOT_GRAPH_SCOPES: Final = (
    "openid",
    "profile",
    "offline_access",
    "User.Read",
    "User.Read.All",
    "Application.ReadWrite.All",
    "AppRoleAssignment.ReadWrite.All",
    "DelegatedPermissionGrant.ReadWrite.All",
    "Directory.Read.All",
    "Policy.Read.All",
    "ExchangeMessageTrace.Read.All",
    "AuditLog.Read.All",
    "ServiceHealth.Read.All",
)
BOT_GRAPH_ROLES: Final = (
    "Application.Read.All",
    "AuditLog.Read.All",
    "Directory.Read.All",
    "ExchangeMessageTrace.Read.All",
    "Policy.Read.All",
    "User.Read.All",
)
BOT_EXCHANGE_ROLES: Final = ("Exchange.ManageAsApp",)
BOT_EXCHANGE_SCOPES: Final = ("Exchange.Manage", "SMTP.Send")


def fill(world: World) -> None:
    """Create the tenants, their people and the bot's own app."""
    for tenant in (_tenant("Practice publisher", (PUBLISHER,), []), _contoso(), _fabrikam()):
        world.tenants[tenant.id] = tenant
        for app_id, name in (
            (ids.GRAPH_APP, "Microsoft Graph"),
            (ids.EXCHANGE_APP, "Office 365 Exchange Online"),
        ):
            tenant.principals.seed(resource_principal(world, app_id, name))
    _bot_app(world)


def resource_principal(world: World, app_id: str, name: str) -> Json:
    """Return the service principal of one of Microsoft's own resources."""
    return service_principal(app_id, name) | {
        "appRoles": world.catalogue.roles.get(app_id, []),
        "oauth2PermissionScopes": world.catalogue.scopes.get(app_id, []),
    }


def information() -> Json:
    """Return the addresses of an app's pages, which are empty at first."""
    names = ("logoUrl", "marketingUrl", "privacyStatementUrl", "supportUrl", "termsOfServiceUrl")
    return dict.fromkeys(names)


def service_principal(app_id: str, name: str) -> Json:
    """Return a service principal with Graph's defaults."""
    return {
        "id": new_id(),
        "appId": app_id,
        "createdDateTime": stamp(LONG_AGO),
        "displayName": name,
        "appDisplayName": name,
        "description": None,
        "accountEnabled": True,
        "appRoleAssignmentRequired": False,
        "appOwnerOrganizationId": "f8cdef31-a31e-4b4a-93e4-5f571e91255a",
        "servicePrincipalType": "Application",
        "signInAudience": "AzureADMultipleOrgs",
        "servicePrincipalNames": [app_id],
        "replyUrls": [],
        "appRoles": [],
        "oauth2PermissionScopes": [],
        "tags": [],
        "passwordCredentials": [],
        "keyCredentials": [],
        "disabledByMicrosoftStatus": None,
        "isDisabled": False,
        "info": information(),
    }


def organization() -> Organization:
    """Return the Exchange organization with Microsoft's initial settings."""
    names = {"Identity": "Default", "Name": "Default"}
    policy = names | {
        "IsDefault": True,
        "Enabled": False,
        "AutoForwardingMode": "Automatic",
        "RecipientLimitExternalPerHour": 0,
        "RecipientLimitInternalPerHour": 0,
        "RecipientLimitPerDay": 0,
        "ActionWhenThresholdReached": "BlockUserForToday",
        "NotifyOutboundSpam": False,
        "NotifyOutboundSpamRecipients": [],
        "BccSuspiciousOutboundMail": False,
        "BccSuspiciousOutboundAdditionalRecipients": [],
        "AdminDisplayName": "",
    }
    remote = names | {
        "DomainName": "*",
        "AutoForwardEnabled": True,
        "AutoReplyEnabled": True,
        "IsInternal": False,
        "TNEFEnabled": False,
    }
    return Organization(outbound_policies=[policy], remote_domains=[remote])


def _tenant(name: str, domains: tuple[str, ...], people: list[User]) -> Tenant:
    tenant = Tenant(new_id(), name, domains, exchange=organization(), policies=Policies())
    for user in people:
        tenant.add(user)
    return tenant


def _user(address: str, name: str, **more: Any) -> User:
    more.setdefault("mailbox", Mailbox() if more.get("licensed", True) else None)
    return User(new_id(), more.pop("upn", address), address, name, **more)


def _contoso() -> Tenant:
    admins = {ids.CLOUD_APPLICATION_ADMINISTRATOR, ids.EXCHANGE_ADMINISTRATOR}
    people = [
        _user("admin@contoso.com", "Ada Admin", roles=admins),
        _user("global@contoso.com", "Gina Global", roles={ids.GLOBAL_ADMINISTRATOR}),
        _user("helpdesk@contoso.com", "Hugo Helpdesk"),
        _user("support@contoso.com", "Contoso Support"),
        _user("agent@contoso.com", "Alex Agent"),
        _user("requester@contoso.com", "Rita Requester"),
        _user("service@contoso.com", "Service Desk", upn="s.desk@contoso.com"),
        _user("disabled@contoso.com", "Dora Disabled", enabled=False),
        _user("unlicensed@contoso.com", "Uwe Unlicensed", licensed=False),
        _user(
            "shared@contoso.com",
            "Shared Inbox",
            enabled=False,
            mailbox=Mailbox(kind="SharedMailbox"),
        ),
    ]
    tenant = _tenant("Contoso", ("contoso.com", "contoso.onmicrosoft.com"), people)
    tenant.groups.append(
        {
            "id": new_id(),
            "displayName": "Sales",
            "mail": "sales@contoso.com",
            "members": ["agent@contoso.com"],
        }
    )
    return tenant


def _fabrikam() -> Tenant:
    admins = {ids.CLOUD_APPLICATION_ADMINISTRATOR, ids.EXCHANGE_ADMINISTRATOR}
    people = [
        _user("admin@fabrikam.com", "Fatima Fabrikam", roles=admins),
        _user("support@fabrikam.com", "Fabrikam Support"),
    ]
    return _tenant("Fabrikam", ("fabrikam.com", "fabrikam.onmicrosoft.com"), people)


def _bot_app(world: World) -> None:
    publisher = next(tenant for tenant in world.tenants.values() if PUBLISHER in tenant.domains)
    declared = [
        world.catalogue.declare(ids.GRAPH_APP, BOT_GRAPH_SCOPES, BOT_GRAPH_ROLES),
        world.catalogue.declare(ids.EXCHANGE_APP, BOT_EXCHANGE_SCOPES, BOT_EXCHANGE_ROLES),
    ]
    key = new_id()
    password = {
        "keyId": key,
        "displayName": "bot",
        "startDateTime": stamp(LONG_AGO),
        "endDateTime": "2099-01-01T00:00:00Z",
        "hint": None,
    }
    app: Json = {
        "id": new_id(),
        "appId": world.settings.bot_client_id,
        "displayName": "Email Bot",
        "signInAudience": "AzureADMultipleOrgs",
        "web": {"redirectUris": []},
        "requiredResourceAccess": declared,
        "passwordCredentials": [password],
        "_anyLoopbackRedirect": True,
    }
    world.secrets[key] = world.settings.bot_client_secret
    publisher.applications.seed(app)
    publisher.principals.seed(
        service_principal(app["appId"], app["displayName"])
        | {"appOwnerOrganizationId": publisher.id}
    )
