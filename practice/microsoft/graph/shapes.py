"""Properties of an application and a service principal, and the properties that may be written."""

import re
from typing import Any, Final
from urllib.parse import urlsplit

from practice.microsoft.graph.call import GraphError, bad
from practice.microsoft.seed import information
from practice.microsoft.world import Tenant, new_id

Json = dict[str, Any]
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1"})
AUDIENCES: Final = frozenset(
    {
        "AzureADMyOrg",
        "AzureADMultipleOrgs",
        "AzureADandPersonalMicrosoftAccount",
        "PersonalMicrosoftAccount",
    }
)
GUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
NAME_LENGTH: Final = 256

_WRITABLE = """api appRoles authenticationBehaviors defaultRedirectUri description displayName
groupMembershipClaims identifierUris info isDeviceOnlyAuthSupported isFallbackPublicClient
nativeAuthenticationApisEnabled notes oauth2RequirePostResponse optionalClaims
parentalControlSettings publicClient requestSignatureVerification requiredResourceAccess
samlMetadataUrl serviceManagementReference servicePrincipalLockConfiguration signInAudience
spa tags tokenEncryptionKeyId uniqueName web"""
_READ_ONLY = """addIns appId applicationTemplateId certification createdByAppId createdDateTime
deletedDateTime disabledByMicrosoftStatus id isDisabled keyCredentials passwordCredentials
publisherDomain verifiedPublisher"""
WRITABLE: Final = frozenset(_WRITABLE.split())
APPLICATION: Final = WRITABLE | frozenset(_READ_ONLY.split())
_PRINCIPAL_WRITABLE = """accountEnabled alternativeNames appId appRoleAssignmentRequired description
displayName homepage loginUrl logoutUrl notes notificationEmailAddresses preferredSingleSignOnMode
replyUrls servicePrincipalNames servicePrincipalType tags"""
_PRINCIPAL_READ_ONLY = """id createdDateTime appDescription appDisplayName appOwnerOrganizationId
applicationTemplateId appRoles createdByAppId info disabledByMicrosoftStatus isDisabled
keyCredentials oauth2PermissionScopes passwordCredentials signInAudience tokenEncryptionKeyId
verifiedPublisher resourceSpecificApplicationPermissions"""
PRINCIPAL_WRITABLE: Final = frozenset(_PRINCIPAL_WRITABLE.split())
PRINCIPAL: Final = PRINCIPAL_WRITABLE | frozenset(_PRINCIPAL_READ_ONLY.split())


def new_application(tenant: Tenant, created: str) -> Json:
    """Return an application with Graph's defaults.

    The default audience was the widest one until 2023, and is the own tenant since 2024.
    """
    return {
        "id": new_id(),
        "appId": new_id(),
        "createdDateTime": created,
        "displayName": None,
        "description": None,
        "notes": None,
        "signInAudience": "AzureADMyOrg",
        "identifierUris": [],
        "publisherDomain": tenant.domains[0],
        "tags": [],
        "uniqueName": None,
        "requiredResourceAccess": [],
        "appRoles": [],
        "keyCredentials": [],
        "passwordCredentials": [],
        "api": {
            "oauth2PermissionScopes": [],
            "preAuthorizedApplications": [],
            "knownClientApplications": [],
        },
        "web": {
            "homePageUrl": None,
            "logoutUrl": None,
            "redirectUris": [],
            "implicitGrantSettings": {
                "enableAccessTokenIssuance": False,
                "enableIdTokenIssuance": False,
            },
        },
        "spa": {"redirectUris": []},
        "publicClient": {"redirectUris": []},
        "servicePrincipalLockConfiguration": None,
        "disabledByMicrosoftStatus": None,
        "isDisabled": False,
        "info": information(),
    }


def shown(app: Json) -> Json:
    """Return an application as Graph shows it.

    The Web platform repeats its redirect URIs as settings.
    """
    web = app.get("web") or {}
    settings = [{"uri": uri, "index": None} for uri in web.get("redirectUris", [])]
    return app | {"web": web | {"redirectUriSettings": settings}}


def check_application(body: Json) -> None:
    """Check the properties of an application.

    Raises:
        GraphError: with status 400 for unknown or read-only properties, wrong redirect URIs and
            malformed IDs.
    """
    check_names(body, WRITABLE, "Application")
    if "displayName" in body and not _is_name(body["displayName"]):
        raise _wrong("displayName", "Application")
    if body.get("signInAudience", "AzureADMyOrg") not in AUDIENCES:
        raise _wrong("signInAudience", "Application")
    for platform in ("web", "spa", "publicClient"):
        check_redirects(body.get(platform) or {})
    check_access(body.get("requiredResourceAccess", []))


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= NAME_LENGTH


def check_names(body: Json, writable: frozenset[str], kind: str) -> None:
    """Check that the type has these properties and that they can be written.

    Raises:
        GraphError: with status 400 otherwise.
    """
    for name in body:
        if name == "passwordCredentials":
            raise bad(
                "Setting passwordCredentials is not supported. Use addPassword and removePassword."
            )
        if name not in writable and not name.startswith("@odata."):
            raise bad(
                f"Invalid property '{name}' for resource '{kind}': it does not exist or is read-only."
            )


def check_redirects(platform: Json) -> None:
    """Check that redirect URIs are absolute https URLs, or http URLs on this machine.

    Raises:
        GraphError: with status 400 otherwise.
    """
    uris = platform.get("redirectUris", []) if isinstance(platform, dict) else None
    if not isinstance(uris, list) or len({*map(str, uris)}) != len(uris):
        raise _wrong("redirectUris", "Application")
    for uri in uris:
        if not _may_redirect(str(uri)):
            raise bad(
                f"Reply URL '{uri}' is not valid: only https, or http on localhost, "
                "without wildcard or fragment."
            )


def _may_redirect(uri: str) -> bool:
    parts = urlsplit(uri)
    if not parts.hostname or parts.fragment or "*" in uri:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)


def check_access(entries: Any) -> None:
    """Check requiredResourceAccess: a resource's app ID with permission IDs and their types.

    Raises:
        GraphError: with status 400 otherwise.
    """
    if not isinstance(entries, list):
        raise _wrong("requiredResourceAccess", "Application")
    for entry in entries:
        if not all(map(_is_access, entry.get("resourceAccess", []))):
            raise _wrong("resourceAccess", "RequiredResourceAccess")
        if not GUID.fullmatch(str(entry.get("resourceAppId"))):
            raise _wrong("resourceAppId", "RequiredResourceAccess")


def _is_access(item: Json) -> bool:
    return bool(GUID.fullmatch(str(item.get("id")))) and item.get("type") in {"Scope", "Role"}


def _wrong(name: str, resource: str) -> GraphError:
    return bad(f"Invalid value specified for property '{name}' of resource '{resource}'.")


def merged(old: Json, body: Json) -> Json:
    """Return an object after a PATCH with these values.

    Complex properties keep the parts that are not named. Lists are replaced as a whole.
    """
    result = dict(old)
    for name, value in body.items():
        if name.startswith("@odata."):
            continue
        result[name] = (
            merged(old[name], value)
            if isinstance(value, dict) and isinstance(old.get(name), dict)
            else value
        )
    return result
