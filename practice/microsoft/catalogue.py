"""Permissions that Microsoft Graph and Exchange Online expose.

Exchange's permissions for mail have the IDs that they really have. Every other ID is random per
start, so a hard-coded ID fails. A test checks that the product contains none of the real IDs.
"""

from __future__ import annotations

import uuid
from typing import Any, Final

from practice.microsoft import ids

Json = dict[str, Any]

GRAPH_SCOPES: Final = {
    "openid": "User",
    "profile": "User",
    "email": "User",
    "offline_access": "User",
    "User.Read": "User",
    "Mail.Send": "User",
    "SMTP.Send": "User",
    "MailboxSettings.Read": "User",
    "User.Read.All": "Admin",
    "Application.Read.All": "Admin",
    "Application.ReadWrite.All": "Admin",
    "AppRoleAssignment.ReadWrite.All": "Admin",
    "DelegatedPermissionGrant.Read.All": "Admin",
    "DelegatedPermissionGrant.ReadWrite.All": "Admin",
    "Directory.Read.All": "Admin",
    "Directory.ReadWrite.All": "Admin",
    "Policy.Read.All": "Admin",
    "AuditLog.Read.All": "Admin",
    "Organization.Read.All": "Admin",
    "Domain.Read.All": "Admin",
    "RoleManagement.Read.Directory": "Admin",
    "ExchangeMessageTrace.Read.All": "Admin",
    "ServiceHealth.Read.All": "Admin",
}
GRAPH_ROLES: Final = (
    "User.Read.All",
    "Application.Read.All",
    "Application.ReadWrite.All",
    "Application.ReadWrite.OwnedBy",
    "Directory.Read.All",
    "Policy.Read.All",
    "AuditLog.Read.All",
    "Organization.Read.All",
    "ExchangeMessageTrace.Read.All",
    "Mail.Send",
    "ServiceHealth.Read.All",
)
EXCHANGE_SCOPES: Final = {
    "SMTP.Send": "User",
    "IMAP.AccessAsUser.All": "User",
    "EWS.AccessAsUser.All": "User",
    "Mail.Send": "User",
    "Exchange.Manage": "Admin",
    "Exchange.ManageV2": "Admin",
}
EXCHANGE_ROLES: Final = (
    "Mail.Send",
    "SMTP.SendAsApp",
    "Exchange.ManageAsApp",
    "full_access_as_app",
)

REAL_SCOPES: Final = {
    "SMTP.Send": "76faac2a-0f20-42f1-928a-50de5b9dbe52",
    "Mail.Send": "5eb43c10-865a-4259-960a-83946678f8dd",
}
"""IDs of Exchange's delegated permissions (ScubaGear's table of risky permissions)."""
REAL_ROLES: Final = {
    "Mail.Send": "b633e1c5-b582-4048-a93e-9f11b44c7e96",
    "SMTP.SendAsApp": "ce81e10f-fda1-4348-8947-f7fdb6c649ad",
}
"""IDs of Exchange's application permissions (ScubaGear's table of risky permissions)."""

OIDC: Final = frozenset({"openid", "profile", "email", "offline_access"})


def scope(value: str, kind: str, number: str = "") -> Json:
    """Return a delegated permission (permissionScope)."""
    return {
        "id": number or str(uuid.uuid4()),
        "value": value,
        "type": kind,
        "isEnabled": True,
        "adminConsentDisplayName": value,
        "adminConsentDescription": f"Allows the app {value} on behalf of the signed-in user.",
        "userConsentDisplayName": value,
        "userConsentDescription": f"Allows the app {value} on your behalf.",
    }


def role(value: str, number: str = "") -> Json:
    """Return an application permission (appRole)."""
    return {
        "id": number or str(uuid.uuid4()),
        "value": value,
        "displayName": value,
        "description": f"Allows the app {value} without a signed-in user.",
        "allowedMemberTypes": ["Application"],
        "isEnabled": True,
        "origin": "Application",
    }


class Catalogue:
    """Permissions with their IDs for one start of the cloud.

    They are the same in every tenant, as in reality.
    """

    def __init__(self) -> None:
        self.scopes = {
            ids.GRAPH_APP: [scope(value, kind) for value, kind in GRAPH_SCOPES.items()],
            ids.EXCHANGE_APP: [
                scope(value, kind, REAL_SCOPES.get(value, ""))
                for value, kind in EXCHANGE_SCOPES.items()
            ],
        }
        self.roles = {
            ids.GRAPH_APP: [role(value) for value in GRAPH_ROLES],
            ids.EXCHANGE_APP: [role(value, REAL_ROLES.get(value, "")) for value in EXCHANGE_ROLES],
        }

    def scope_id(self, app_id: str, value: str) -> str:
        """Return the ID of a delegated permission.

        Raises:
            KeyError: when the permission is unknown.
        """
        return {item["value"]: str(item["id"]) for item in self.scopes[app_id]}[value]

    def role_id(self, app_id: str, value: str) -> str:
        """Return the ID of an application permission.

        Raises:
            KeyError: when the permission is unknown.
        """
        return {item["value"]: str(item["id"]) for item in self.roles[app_id]}[value]

    def declare(self, app_id: str, values: tuple[str, ...], roles: tuple[str, ...] = ()) -> Json:
        """Return a requiredResourceAccess entry for delegated and application permissions."""
        access = [{"id": self.scope_id(app_id, value), "type": "Scope"} for value in values]
        access += [{"id": self.role_id(app_id, value), "type": "Role"} for value in roles]
        return {"resourceAppId": app_id, "resourceAccess": access}
