"""Part of the practice cloud that a fault may change: one channel with its surroundings."""

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final, TypeVar

from practice.hooks import Fault as Hook, Faults as Hooks
from practice.mail.connect_app import ConnectApp, FormError
from practice.microsoft import Cloud, ids
from practice.microsoft.signin import consent
from practice.microsoft.tokens import Refresh
from practice.microsoft.world import (
    Mailbox,
    Organization,
    Policies,
    Tenant,
    User,
    World,
    first,
    stamp,
)
from practice.webex_services.world import OutsideWorld

Json = dict[str, Any]
Found = TypeVar("Found")
ALWAYS: Final = 1_000_000
COLLEAGUE: Final = "global@contoso.com"
"""Person whose changes in the portal the directory's log shows."""
CONNECT_ADMIN: Final = "connect.admin@contoso.com"


@dataclass(frozen=True, slots=True)
class FaultContext:
    """Channel of a mailbox, with short names for the changes that are made to it."""

    cloud: Cloud
    hooks: Hooks
    outside: OutsideWorld = field(default_factory=OutsideWorld)
    mailbox: str = "support@contoso.com"

    @property
    def world(self) -> World:
        """Return the Microsoft world with all tenants."""
        return self.cloud.world

    @property
    def tenant(self) -> Tenant:
        """Return the mailbox's tenant.

        Raises:
            LookupError: when no tenant owns the mailbox.
        """
        found = self.world.tenant_of(self.mailbox)
        if found is None:
            raise LookupError(f"no tenant owns {self.mailbox}")
        return found

    @property
    def user(self) -> User:
        """Return the mailbox's user.

        Raises:
            LookupError: when the user does not exist.
        """
        found = self.tenant.user(self.mailbox)
        if found is None:
            raise LookupError(f"no user {self.mailbox}")
        return found

    @property
    def box(self) -> Mailbox:
        """Return the mailbox of the mailbox's user.

        Raises:
            LookupError: when the user has no mailbox.
        """
        box = self.user.mailbox
        if box is None:
            raise LookupError(f"{self.mailbox} has no mailbox")
        return box

    @property
    def exchange(self) -> Organization:
        """Return the Exchange organization of the tenant."""
        return self.tenant.exchange

    @property
    def policies(self) -> Policies:
        """Return the directory policies of the tenant."""
        return self.tenant.policies

    @property
    def connect(self) -> ConnectApp:
        """Return the email app of Webex Connect."""
        return self.cloud.connect.app

    @property
    def forward_domain(self) -> str:
        """Return the domain of Webex Connect's forwarding address."""
        return self.connect.forwarding_address.rpartition("@")[2]

    @property
    def app(self) -> Json:
        """Return the registration of the email app.

        Raises:
            LookupError: when it does not exist.
        """
        return _one(self.tenant.applications.written(), "no application")

    @property
    def principal(self) -> Json:
        """Return the service principal of the email app.

        Raises:
            LookupError: when it does not exist.
        """
        found = first(self.tenant.principals.written(), {"appId": self.app["appId"]})
        return _one([found] if found else [], "no service principal")

    def other(self, name: str = "agent@contoso.com") -> User:
        """Return another user of the tenant, by name.

        Raises:
            LookupError: when the user does not exist.
        """
        return _one(
            [user for user in self.tenant.users.values() if user.known_as(name)], f"no user {name}"
        )

    def set_app(self, **fields: Any) -> None:
        """Change the app registration, as a person in the portal would."""
        self.directory_audit("Update application", self.app)
        self.tenant.applications.seed(self.app | fields)

    def set_principal(self, **fields: Any) -> None:
        """Change the service principal of the email app."""
        self.directory_audit("Update service principal", self.principal)
        self.tenant.principals.seed(self.principal | fields)

    def drop_app(self) -> None:
        """Delete the app registration."""
        self.directory_audit("Delete application", self.app)
        self.tenant.applications.drop(self.app["id"])

    def drop_principal(self) -> None:
        """Delete the service principal of the email app."""
        self.directory_audit("Remove service principal", self.principal)
        self.tenant.principals.drop(self.principal["id"])

    def directory_audit(self, activity: str, changed: Json) -> None:
        """Write a colleague's change in the portal into the directory's log."""
        self.tenant.audit(self.world.now(), COLLEAGUE, activity, changed)

    def set_secrets(
        self, change: Callable[[Json], Json | None], *, all_of_them: bool = False
    ) -> None:
        """Change the secret that Webex Connect uses, or every secret.

        A secret for which ``change`` returns None is removed.
        """
        used = self.connect.fields.get("client_secret", "")
        kept = [
            change(item) if all_of_them or self.world.secrets.get(item["keyId"]) == used else item
            for item in self.app["passwordCredentials"]
        ]
        self.set_app(passwordCredentials=[item for item in kept if item is not None])

    def ends(self, days: float) -> Callable[[Json], Json]:
        """Return a change that lets a secret expire ``days`` days from now."""
        end = stamp(self.world.now() + timedelta(days=days))
        return lambda item: item | {"endDateTime": end}

    def grants(self) -> list[Json]:
        """Return the delegated grants of the email app."""
        return [
            grant
            for grant in self.tenant.grants.written()
            if grant["clientId"] == self.principal["id"]
        ]

    def set_grants(self, change: Callable[[Json], Json | None]) -> None:
        """Change every grant of the email app.

        A grant for which ``change`` returns None is removed.
        """
        for grant in self.grants():
            self.tenant.grants.drop(grant["id"])
            self.directory_audit("Remove delegated permission grant", grant)
            if changed := change(grant):
                self.tenant.grants.seed(changed | {"id": consent.grant_id(changed)})

    def set_tokens(self, change: Callable[[Refresh], Refresh]) -> None:
        """Change every refresh token of the email app: Webex Connect's and the bot's."""
        tokens = self.cloud.vault.refresh
        mine = {
            text: record for text, record in tokens.items() if record.client_id == self.app["appId"]
        }
        tokens.update({text: change(record) for text, record in mine.items()})

    def age_tokens(self, days: float) -> None:
        """Make the refresh tokens of the email app ``days`` days older."""
        self.set_tokens(lambda record: replace(record, at=record.at - timedelta(days=days)))

    def fill_in(self, account: str = "", **fields: str) -> None:
        """Fill in Webex Connect's form, press Generate Token, and save.

        The form is saved even if the token cannot be generated.
        """
        self.connect.fill_in(fields)
        self.generate(account or self.mailbox)
        self.connect.saved = True
        self.audit("updateApp")

    def audit(self, event: str, *, failed: bool = False) -> None:
        """Write an action of Webex Connect's administrator into its audit log."""
        self.connect.record(self.world.now(), CONNECT_ADMIN, event, failed=failed)

    def generate(self, account: str, action: str = "accept") -> None:
        """Press Generate Token in Webex Connect's form; after an error the old tokens remain."""
        if self.cloud.connect.oauth is not None:
            with contextlib.suppress(FormError):
                self.cloud.connect.oauth.generate(self.connect, account, action)

    def consent(self, *names: str) -> None:
        """Grant more permissions at Graph to the bot's own app.

        They are granted for every signed-in user and, as application permissions, for the app
        itself.

        Raises:
            LookupError: when the bot has no app.
        """
        found = self.world.application(self.world.settings.bot_client_id)
        if found is None:
            raise LookupError("the bot has no app")
        principal = consent.ensure_principal(self.tenant, *found)
        consent.agree(self.world, self.tenant, principal, {ids.GRAPH_APP: set(names)}, None)
        consent.assign_roles(self.world, self.tenant, principal, ids.GRAPH_APP, set(names))

    def login_url(self, tenant: str) -> dict[str, str]:
        """Return the three URLs of Webex Connect's form for this tenant."""
        base = f"https://login.microsoftonline.com/{tenant}/oauth2/v2.0"
        return {
            "authorization_url": f"{base}/authorize",
            "access_token_url": f"{base}/token",
            "refresh_token_url": f"{base}/token",
        }

    def answer(
        self, prefix: str, status: int, body: str = "{}", method: str = "", **headers: str
    ) -> None:
        """Answer every call under ``prefix`` with this response from now on."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.hooks.add(
            Hook(prefix, method, times=ALWAYS, status=status, headers=named, body=body.encode())
        )


def put(target: object, **values: Any) -> None:
    """Set attributes of a user, a mailbox or an organization."""
    for name, value in values.items():
        setattr(target, name, value)


def _one(found: Iterable[Found], words: str) -> Found:
    for item in found:
        return item
    raise LookupError(words)
