"""The email app of Webex Connect as its form shows it (facts/connect.md section 1)."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

Json = dict[str, Any]
CALLBACK: Final = "https://contoso.us.webexconnect.io/callback"
FIELDS: Final = (
    "asset_name",
    "email_id",
    "authentication_type",
    "smtp_server",
    "username",
    "port",
    "security",
    "client_id",
    "client_secret",
    "authorization_url",
    "scope",
    "access_token_url",
    "refresh_token_url",
    "login_id",
    "explicit_consent",
)
NEEDED: Final = ("email_id", "smtp_server", "username", "port", "security", "client_id", "client_secret")
OAUTH: Final = ("authorization_url", "scope", "access_token_url", "refresh_token_url")


class FormError(Exception):
    """What the form of Webex Connect says in red."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """A line of the debug log: a mail in or out, its code and what the mail server said."""

    id: str
    at: datetime
    direction: str
    code: str
    status: str
    description: str
    subject: str


@dataclass(slots=True)
class ConnectApp:
    """One app: generated addresses, the fields, the tokens, and what became of it. Secrets are never shown.

    ``away`` is whether its mail server can be reached by nobody; ``refused`` are addresses of apps that were deleted, where Webex Connect's mail server knows nobody any more.
    """

    callback_url: str = CALLBACK
    forwarding_address: str = field(default_factory=lambda: f"{secrets.token_hex(16)}@mail-us.imiconnect.io")
    app_id: str = field(default_factory=lambda: f"a_{secrets.randbelow(10**12):012d}")
    fields: dict[str, str] = field(default_factory=dict)
    access_token: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    valid_until: datetime | None = None
    saved: bool = False
    service: str = ""
    live: bool = True
    refused: set[str] = field(default_factory=set)
    away: bool = False
    log: list[Transaction] = field(default_factory=list)

    def fill_in(self, values: Json) -> None:
        """Type into the fields; names are read as the form's labels or as ours. The generated ones cannot be typed into."""
        for name, value in values.items():
            key = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
            if key in FIELDS:
                self.fields[key] = str(value).strip()
                self.saved = False

    def need(self, *names: str) -> None:
        """Raise :class:`FormError` for the first empty field."""
        for name in names:
            if not self.fields.get(name):
                raise FormError(f"{name} must not be empty")

    def save(self) -> None:
        """Save; the tokens have to be there."""
        self.need(*NEEDED, *OAUTH)
        if not self.refresh_token:
            raise FormError("Generate Token first: Access Token and Refresh Token are empty")
        self.saved = True

    def register(self, service: str) -> None:
        """Register To Webex Engage; the service cannot be changed afterwards."""
        if not self.saved:
            raise FormError("Save the app first")
        if not service:
            raise FormError("Choose a service")
        if self.service and self.service != service:
            raise FormError("The service of a registered asset cannot be changed")
        self.service = service

    def public(self) -> Json:
        """The form as a person sees it: secrets are dots."""
        shown = {name: value if name != "client_secret" else "*" * 8 for name, value in self.fields.items()}
        return {
            "app_id": self.app_id,
            "callback_url": self.callback_url,
            "forwarding_address": self.forwarding_address,
            "fields": shown,
            "access_token": bool(self.access_token),
            "refresh_token": bool(self.refresh_token),
            "validity": self.valid_until.isoformat() if self.valid_until else None,
            "saved": self.saved,
            "registered": bool(self.service),
            "service": self.service,
            "live": self.live,
        }
