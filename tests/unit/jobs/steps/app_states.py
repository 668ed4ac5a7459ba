"""Step of article row E1 (the app registration), and an app in the states that its tests need."""

from __future__ import annotations

from jobs.microsoft.app_manifest import unique_name
from jobs.microsoft.graph import EXCHANGE_APP_ID
from jobs.steps.application import Application

STEP = Application()
NAME = unique_name("support@contoso.com")
READ, WRITE = f"GET /applications(uniqueName='{NAME}')", f"PATCH /applications(uniqueName='{NAME}')"
FACTS = {"exchange_smtp_send": "smtp-id"}
CHANGE = "PATCH /applications/object-1"
URIS = ["https://uk.webexconnect.io/callback", "https://bot.test/microsoft/callback"]
ACCESS = [
    {"resourceAppId": EXCHANGE_APP_ID, "resourceAccess": [{"id": "smtp-id", "type": "Scope"}]}
]
APP = {
    "id": "object-1",
    "appId": "client-1",
    "displayName": "Mail",
    "signInAudience": "AzureADMyOrg",
    "web": {"redirectUris": URIS},
    "requiredResourceAccess": ACCESS,
}
KNOWN = {"client_id": "client-1", "object_id": "object-1", "app_name": "Mail"}
