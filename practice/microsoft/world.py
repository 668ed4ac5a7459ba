"""State of the Microsoft half: tenants with their people, apps and Exchange organization."""

import threading
import uuid
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from practice import clock
from practice.journal import Journal
from practice.mail.trace import TraceLog
from practice.microsoft.catalogue import Catalogue
from practice.microsoft.replica import Collection
from practice.settings import PracticeSettings

Json = dict[str, Any]
LONG_AGO = datetime(2024, 1, 15, 8, 0, tzinfo=UTC)


def stamp(moment: datetime) -> str:
    """Return a time as Graph writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def fine_stamp(moment: datetime) -> str:
    """Return a time as a message trace writes it, to a ten-millionth of a second.

    Source: recordings of real answers.
    """
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")


def new_id() -> str:
    """Return a new object ID, as Microsoft makes them."""
    return str(uuid.uuid4())


SHARED_MAILBOX: Final = "SharedMailbox"


@dataclass(slots=True)
class Mailbox:
    """Mailbox of a user.

    ``smtp_auth_disabled`` has three states; None inherits the organization's value.
    ``automatic_reply`` answers every outside mail at once, as Exchange does for an absent user.
    ``senders_authenticated`` is RequireSenderAuthenticationEnabled: outside senders are refused.
    ``moderated`` keeps each mail until a moderator approves it, and ``most`` is MaxReceiveSize.
    ``rejects`` and ``accepts`` list senders. ``synced`` means mastered on-premises.
    ``full_access`` and ``send_as`` hold the names of the users with these rights to the mailbox.
    """

    kind: str = "UserMailbox"
    smtp_auth_disabled: bool | None = None
    forwarding_address: str | None = None
    forwarding_smtp_address: str | None = None
    deliver_and_forward: bool = False
    full_access: set[str] = field(default_factory=set)
    send_as: set[str] = field(default_factory=set)
    inbox_rules: list[Json] = field(default_factory=list)
    automatic_reply: bool = False
    senders_authenticated: bool = False
    moderated: bool = False
    rejects: list[str] = field(default_factory=list)
    accepts: list[str] = field(default_factory=list)
    synced: bool = False
    most: str = "36 MB (37,748,736 bytes)"
    full: bool = False


@dataclass(slots=True)
class User:
    """Person or shared mailbox account; ``roles`` are role template IDs.

    ``sign_in_error`` is the AADSTS number with which every sign-in of the account fails.
    ``login_reply`` is the reply that refuses its SMTP login. ``restricted`` means that Exchange has
    blocked the account for outbound spam.
    """

    id: str
    upn: str
    mail: str | None
    name: str
    enabled: bool = True
    licensed: bool = True
    roles: set[str] = field(default_factory=set)
    mailbox: Mailbox | None = None
    aliases: list[str] = field(default_factory=list)
    sessions_valid_from: datetime = LONG_AGO
    authentication_policy: str | None = None
    sign_in_error: int = 0
    login_reply: str = ""
    restricted: bool = False

    @property
    def has_mailbox(self) -> bool:
        """Return whether Exchange has the mailbox; only a shared one needs no license."""
        box = self.mailbox
        return box is not None and (self.licensed or box.kind == SHARED_MAILBOX)

    def addresses(self) -> set[str]:
        """Return every SMTP address of the mailbox, in lower case."""
        return {address.lower() for address in (self.mail, *self.aliases) if address}

    def known_as(self, name: str) -> bool:
        """Return whether the name is this user's object ID, UPN or an address."""
        return name.lower() in {self.id.lower(), self.upn.lower(), *self.addresses()}


@dataclass(slots=True)
class Organization:
    """Exchange organization of a tenant; policies and rules keep Microsoft's property names.

    ``smtp_auth_wins`` means that no mailbox's own switch counts while the organization's is off.
    ``refuses_answers`` and ``refuses_copies`` are the reports with which such mail fails, or empty.
    ``sending_blocked`` means that Microsoft has blocked the whole tenant for outbound spam.
    ``onmicrosoft_sent`` is the number of outside recipients in the last 24 hours of mails from
    onmicrosoft.com senders (platforms/microsoft.md 2.7). ``made`` has the time at which a
    cmdlet made an object, by the object's Guid. Readers know the object some time later.
    """

    smtp_auth_disabled: bool = True
    smtp_auth_wins: bool = False
    dehydrated: bool = True
    sending_blocked: bool = False
    refuses_answers: str = ""
    refuses_copies: str = ""
    onmicrosoft_sent: int = 0
    customized_at: datetime | None = None
    default_authentication_policy: str | None = None
    outbound_policies: list[Json] = field(default_factory=list)
    outbound_rules: list[Json] = field(default_factory=list)
    remote_domains: list[Json] = field(default_factory=list)
    transport_rules: list[Json] = field(default_factory=list)
    authentication_policies: list[Json] = field(default_factory=list)
    connectors: list[Json] = field(default_factory=list)
    dkim: list[Json] = field(default_factory=list)
    made: dict[str, datetime] = field(default_factory=dict)


@dataclass(slots=True)
class Policies:
    """Directory policies of a tenant that the documents ask a reader to check."""

    consent: list[str] = field(
        default_factory=lambda: ["ManagePermissionGrantsForSelf.microsoft-user-default-recommended"]
    )
    users_create_apps: bool = True
    security_defaults: bool = False
    app_management: Json = field(default_factory=dict)
    conditional_access: list[Json] = field(default_factory=list)


@dataclass(slots=True)
class Tenant:
    """Tenant: a directory with its Exchange organization.

    ``recycled`` holds deleted apps, which keep their ``uniqueName`` (microsoft.md 1.1). With
    ``log_numbers_itself`` the rows of the sign-in log have their own numbers instead of the
    requests' numbers. Without a ``premium`` license the sign-in log cannot be read.
    """

    id: str
    name: str
    domains: tuple[str, ...]
    users: dict[str, User] = field(default_factory=dict)
    groups: list[Json] = field(default_factory=list)
    applications: Collection = field(default_factory=Collection)
    principals: Collection = field(default_factory=Collection)
    grants: Collection = field(default_factory=Collection)
    assignments: Collection = field(default_factory=Collection)
    principal_roles: dict[str, set[str]] = field(default_factory=dict)
    sign_ins: list[Json] = field(default_factory=list)
    trace_calls: deque[datetime] = field(default_factory=deque)
    limited: dict[str, deque[datetime]] = field(default_factory=dict)
    service_issues: list[Json] = field(default_factory=list)
    policies: Policies = field(default_factory=Policies)
    exchange: Organization = field(default_factory=Organization)
    recycled: list[Json] = field(default_factory=list)
    audits: list[Json] = field(default_factory=list)
    soft_deleted: list[User] = field(default_factory=list)
    log_numbers_itself: bool = False
    premium: bool = True

    def audit(self, at: datetime, by: str, activity: str, changed: Json) -> None:
        """Write a change of an object, or of a grant between two objects, to the directory's log."""
        user = self.user(by)
        who = {"userPrincipalName": by, "id": user.id if user else None, "displayName": None}
        targets = [changed[name] for name in ("resourceId", "clientId") if name in changed]
        self.audits.append(
            {
                "id": f"Directory_{new_id()}",
                "activityDateTime": fine_stamp(at),
                "activityDisplayName": activity,
                "category": "ApplicationManagement",
                "loggedByService": "Core Directory",
                "result": "success",
                "initiatedBy": {"user": who, "app": None},
                "targetResources": [
                    {"id": each, "displayName": changed.get("displayName")}
                    for each in targets or [changed["id"]]
                ],
            }
        )

    def user(self, name: str) -> User | None:
        """Return the user with this object ID, UPN or address, or None."""
        return next((user for user in self.users.values() if user.known_as(name)), None)

    def add(self, user: User) -> User:
        """Add a user to the directory."""
        self.users[user.id] = user
        return user


class World:
    """All tenants of the Microsoft half, with one lock and one clock."""

    def __init__(self, journal: Journal, settings: PracticeSettings) -> None:
        self.lock = threading.RLock()
        self.journal, self.settings = journal, settings
        self.now = clock.now
        self.catalogue = Catalogue()
        self.tenants: dict[str, Tenant] = {}
        self.secrets: dict[str, str] = {}
        self.told: list[str] = []
        self.smtp_mood = ""
        self.base_url = "https://localhost"
        self.traces = TraceLog(self.now, lambda: timedelta(seconds=settings.trace_delay_s))

    @property
    def delay(self) -> timedelta:
        """Return the time until readers see a new directory object."""
        return timedelta(seconds=self.settings.replication_s)

    def tenant(self, name: str) -> Tenant | None:
        """Return the tenant with this ID or verified domain, or None."""
        wanted = name.lower()
        return next(
            (item for item in self.tenants.values() if wanted == item.id or wanted in item.domains),
            None,
        )

    def tenant_of(self, address: str) -> Tenant | None:
        """Return the tenant that owns the domain of an address, or None."""
        return self.tenant(address.rpartition("@")[2])

    def find_user(self, name: str) -> tuple[Tenant, User] | None:
        """Return a user of any tenant by UPN, address or object ID, or None."""
        for tenant in self.tenants.values():
            if user := tenant.user(name):
                return tenant, user
        return None

    def seen(self, collection: Collection) -> Iterator[Json]:
        """Return the objects of a collection as a reader sees them now."""
        return collection.seen(self.now(), self.delay)

    def find(self, collection: Collection, **wanted: Any) -> Json | None:
        """Return the first object with these values that a reader can see, or None."""
        return first(self.seen(collection), wanted)

    def put(self, collection: Collection, value: Json) -> Json:
        """Write an object to a collection; others see it after the delay."""
        return collection.put(value, self.now(), self.delay)

    def application(self, app_id: str, *, settled: bool = True) -> tuple[Tenant, Json] | None:
        """Return an app registration of any tenant, or None.

        ``settled`` searches as a reader who must wait for replication.
        """
        for tenant in self.tenants.values():
            objects = self.seen(tenant.applications) if settled else tenant.applications.written()
            if found := first(objects, {"appId": app_id}):
                return tenant, found
        return None

    def principal(self, tenant: Tenant, app_id: str) -> Json | None:
        """Return the service principal of an app in a tenant, as a reader sees it, or None."""
        return self.find(tenant.principals, appId=app_id)


def first(objects: Iterable[Json], wanted: Json) -> Json | None:
    """Return the first object with all these values, or None.

    Texts are compared without regard to case.
    """
    return next(
        (
            item
            for item in objects
            if all(_same(item.get(key), value) for key, value in wanted.items())
        ),
        None,
    )


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return left.lower() == right.lower()
    return bool(left == right)
