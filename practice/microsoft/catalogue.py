"""Permissions that Microsoft Graph and Exchange Online expose.

Exchange's permissions for mail have the IDs that they really have. Every other ID is random per
start, so a hard-coded ID fails. A test checks that the product contains none of the real IDs.
"""

import tomllib
import uuid
from pathlib import Path
from typing import Any, Final

from practice.microsoft import ids

Json = dict[str, Any]

EXPOSED: Final = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
SERVICES: Final = {"graph": ids.GRAPH_APP, "exchange": ids.EXCHANGE_APP}
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
        self.scopes: dict[str, list[Json]] = {}
        self.roles: dict[str, list[Json]] = {}
        for name, app_id in SERVICES.items():
            real = (REAL_SCOPES, REAL_ROLES) if name == "exchange" else ({}, {})
            self.scopes[app_id] = [
                scope(value, kind, real[0].get(value, ""))
                for kind in ("User", "Admin")
                for value in EXPOSED[name][kind]
            ]
            self.roles[app_id] = [
                role(value, real[1].get(value, "")) for value in EXPOSED[name]["roles"]
            ]

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
