"""Email app of Webex Connect as its form shows it (platforms/connect.md 1)."""

import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

Json = dict[str, Any]
CALLBACK: Final = "https://contoso.us.webexconnect.io/callback"
CONTACT_CENTER: Final = "Webex Contact Center"
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
NEEDED: Final = (
    "email_id",
    "smtp_server",
    "username",
    "port",
    "security",
    "client_id",
    "client_secret",
)
OAUTH: Final = ("authorization_url", "scope", "access_token_url", "refresh_token_url")


class FormError(Exception):
    """Error that the form of Webex Connect shows in red."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """Line of the debug log: a mail in or out, its code, and the mail server's reply."""

    id: str
    at: datetime
    direction: str
    code: str
    status: str
    description: str
    subject: str


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Entry of the audit log: an action of a person in Webex Connect, without values."""

    at: datetime
    by: str
    event: str
    told: str
    failed: bool = False


@dataclass(slots=True)
class ConnectApp:
    """Email app of Webex Connect with its generated addresses, fields, tokens and state.

    Secrets are never shown. ``authorized`` means that the flow's nodes may make tasks, and
    ``takes_no_subject`` that its template makes one of a mail without a subject. ``away`` means that the app's mail server cannot be reached.
    ``refused`` holds the addresses of deleted apps, which Webex Connect's mail server no longer
    knows. ``workload`` is the only workload that the asset serves (platforms/connect.md 1.9
    ).
    """

    callback_url: str = CALLBACK
    forwarding_address: str = field(
        default_factory=lambda: f"{secrets.token_hex(16)}@mail-us.imiconnect.io"
    )
    app_id: str = field(default_factory=lambda: f"a_{secrets.randbelow(10**12):012d}")
    fields: dict[str, str] = field(default_factory=dict)
    access_token: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    valid_until: datetime | None = None
    saved: bool = False
    service: str = ""
    live: bool = True
    authorized: bool = True
    takes_no_subject: bool = True
    workload: str = CONTACT_CENTER
    refused: set[str] = field(default_factory=set)
    away: bool = False
    log: list[Transaction] = field(default_factory=list)
    audit: list[AuditEntry] = field(default_factory=list)

    def fill_in(self, values: Json) -> None:
        """Fill in the form's fields; their names may be the form's labels or this project's names.

        The generated fields cannot be filled in.
        """
        for name, value in values.items():
            key = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
            if key in FIELDS:
                self.fields[key] = str(value).strip()
                self.saved = False

    def need(self, *names: str) -> None:
        """Check that these fields are filled in.

        Raises:
            FormError: for the first empty field.
        """
        for name in names:
            if not self.fields.get(name):
                raise FormError(f"{name} must not be empty")

    def save(self) -> None:
        """Save the app, as the form's button Save does.

        Raises:
            FormError: when a field or the tokens are missing.
        """
        self.need(*NEEDED, *OAUTH)
        if not self.refresh_token:
            raise FormError("Generate Token first: Access Token and Refresh Token are empty")
        self.saved = True

    def register(self, service: str) -> None:
        """Register the app to Webex Engage; the service cannot be changed afterwards.

        Raises:
            FormError: when the app is not saved, the service is missing, or it would change.
        """
        if not self.saved:
            raise FormError("Save the app first")
        if not service:
            raise FormError("Choose a service")
        if self.service and self.service != service:
            raise FormError("The service of a registered asset cannot be changed")
        self.service = service

    def record(self, at: datetime, by: str, event: str, *, failed: bool = False) -> None:
        """Write an action of a person into the audit log."""
        name = self.fields.get("asset_name") or "Email"
        verb, _, _ = re.sub(r"([A-Z])", r" \1", event).partition(" ")
        told = (
            f"{by} {'failed to ' if failed else ''}{verb}{'' if failed else 'd'} {name} ({event})"
        )
        self.audit.append(AuditEntry(at, by, event, told, failed))

    def public(self) -> Json:
        """Return the form as a person sees it; secrets are masked."""
        shown = {
            name: value if name != "client_secret" else "*" * 8
            for name, value in self.fields.items()
        }
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
