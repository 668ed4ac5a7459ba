"""What a fault may touch: one channel in the world of the practice cloud."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final, TypeVar

from practice.hooks import Fault as Hook
from practice.hooks import Faults as Hooks
from practice.mail.connect_app import ConnectApp, FormError
from practice.microsoft import Cloud, ids
from practice.microsoft.signin import consent
from practice.microsoft.tokens import Refresh
from practice.microsoft.world import Mailbox, Organization, Policies, Tenant, User, World, first, stamp
from practice.webex_services.world import OutsideWorld

Json = dict[str, Any]
Found = TypeVar("Found")
ALWAYS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Ground:
    """The channel of a mailbox, with short words for what is done to it."""

    cloud: Cloud
    hooks: Hooks
    outside: OutsideWorld = field(default_factory=OutsideWorld)
    mailbox: str = "support@contoso.com"

    @property
    def world(self) -> World:
        """All tenants."""
        return self.cloud.world

    @property
    def tenant(self) -> Tenant:
        """The mailbox's tenant; raises ``LookupError``."""
        found = self.world.tenant_of(self.mailbox)
        if found is None:
            raise LookupError(f"no tenant owns {self.mailbox}")
        return found

    @property
    def user(self) -> User:
        """The mailbox's user; raises ``LookupError``."""
        found = self.tenant.user(self.mailbox)
        if found is None:
            raise LookupError(f"no user {self.mailbox}")
        return found

    @property
    def box(self) -> Mailbox:
        """The mailbox; raises ``LookupError``."""
        box = self.user.mailbox
        if box is None:
            raise LookupError(f"{self.mailbox} has no mailbox")
        return box

    @property
    def exchange(self) -> Organization:
        """The tenant's Exchange organisation."""
        return self.tenant.exchange

    @property
    def policies(self) -> Policies:
        """The tenant's directory policies."""
        return self.tenant.policies

    @property
    def connect(self) -> ConnectApp:
        """The email app of Webex Connect."""
        return self.cloud.connect.app

    @property
    def forward_domain(self) -> str:
        """The domain that Webex Connect takes mail at."""
        return self.connect.forwarding_address.rpartition("@")[2]

    @property
    def app(self) -> Json:
        """The email app's registration; raises ``LookupError``."""
        return _one(self.tenant.applications.written(), "no application")

    @property
    def principal(self) -> Json:
        """The email app's service principal; raises ``LookupError``."""
        found = first(self.tenant.principals.written(), {"appId": self.app["appId"]})
        return _one([found] if found else [], "no service principal")

    def other(self, name: str = "agent@contoso.com") -> User:
        """Somebody else of the tenant; raises ``LookupError``."""
        return _one([user for user in self.tenant.users.values() if user.known_as(name)], f"no user {name}")

    def set_app(self, **fields: Any) -> None:
        """Change the registration, as somebody in the portal would."""
        self.tenant.applications.seed(self.app | fields)

    def set_principal(self, **fields: Any) -> None:
        """Change the service principal."""
        self.tenant.principals.seed(self.principal | fields)

    def set_secrets(self, change: Callable[[Json], Json | None], *, all_of_them: bool = False) -> None:
        """Change the secret that Webex Connect uses, or every secret; None removes it."""
        used = self.connect.fields.get("client_secret", "")
        kept = [
            change(item) if all_of_them or self.world.secrets.get(item["keyId"]) == used else item
            for item in self.app["passwordCredentials"]
        ]
        self.set_app(passwordCredentials=[item for item in kept if item is not None])

    def ends(self, days: float) -> Callable[[Json], Json]:
        """A secret that ends so many days from now."""
        end = stamp(self.world.now() + timedelta(days=days))
        return lambda item: item | {"endDateTime": end}

    def grants(self) -> list[Json]:
        """The delegated grants of the email app."""
        return [grant for grant in self.tenant.grants.written() if grant["clientId"] == self.principal["id"]]

    def set_grants(self, change: Callable[[Json], Json | None]) -> None:
        """Change every grant of the email app; None removes it."""
        for grant in self.grants():
            self.tenant.grants.drop(grant["id"])
            if changed := change(grant):
                self.tenant.grants.seed(changed)

    def set_tokens(self, change: Callable[[Refresh], Refresh]) -> None:
        """Change every refresh token of the email app, Webex Connect's and the bot's."""
        tokens = self.cloud.vault.refresh
        mine = {text: record for text, record in tokens.items() if record.client_id == self.app["appId"]}
        tokens.update({text: change(record) for text, record in mine.items()})

    def age_tokens(self, days: float) -> None:
        """Make the refresh tokens so many days older."""
        self.set_tokens(lambda record: replace(record, at=record.at - timedelta(days=days)))

    def fill_in(self, account: str = "", **fields: str) -> None:
        """Type into Webex Connect's form, press Generate Token and Save: what people do, whatever becomes of it."""
        self.connect.fill_in(fields)
        self.generate(account or self.mailbox)
        self.connect.saved = True

    def generate(self, account: str, action: str = "accept") -> None:
        """Press Generate Token; an error leaves the old tokens where they are."""
        if self.cloud.connect.oauth is not None:
            with contextlib.suppress(FormError):
                self.cloud.connect.oauth.generate(self.connect, account, action)

    def consent(self, *names: str) -> None:
        """An administrator agrees that the bot's own app may do more at Graph: for everybody who signs in, and by itself if it reads so."""
        found = self.world.application(self.world.settings.bot_client_id)
        if found is None:
            raise LookupError("the bot has no app")
        principal = consent.ensure_principal(self.tenant, *found)
        consent.agree(self.world, self.tenant, principal, {ids.GRAPH_APP: set(names)}, None)
        consent.assign_roles(self.world, self.tenant, principal, ids.GRAPH_APP, set(names))

    def login_url(self, tenant: str) -> dict[str, str]:
        """The three addresses of the form with this tenant in them."""
        base = f"https://login.microsoftonline.com/{tenant}/oauth2/v2.0"
        return {"authorization_url": f"{base}/authorize", "access_token_url": f"{base}/token", "refresh_token_url": f"{base}/token"}

    def answer(self, prefix: str, status: int, body: str = "{}", method: str = "", **headers: str) -> None:
        """From now on every call under a path is answered so."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.hooks.add(Hook(prefix, method, times=ALWAYS, status=status, headers=named, body=body.encode()))


def put(target: object, **values: Any) -> None:
    """Set attributes of a user, a mailbox, an organisation."""
    for name, value in values.items():
        setattr(target, name, value)


def _one(found: Iterable[Found], words: str) -> Found:
    for item in found:
        return item
    raise LookupError(words)
