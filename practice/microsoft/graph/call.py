"""Call of Graph: its caller, its permissions, and the shape of answers and errors."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from practice.microsoft import ids
from practice.microsoft.routing import Router
from practice.microsoft.world import Tenant, User, World

Json = dict[str, Any]
Groups = tuple[frozenset[str], ...]


class GraphError(Exception):
    """Error of Graph: its status, code and message."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        headers: dict[str, str] | None = None,
        *,
        detail: str = "",
    ) -> None:
        super().__init__(code)
        self.status, self.code, self.message, self.headers, self.detail = (
            status,
            code,
            message,
            headers or {},
            detail,
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """Response: a status, a body (None for no body) and headers."""

    status: int
    body: Json | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """Call of Graph with a valid token.

    It has the tenant, the person (None for an app alone) and the request. ``eventual`` means that
    the header ConsistencyLevel asks for advanced queries.
    """

    world: World
    tenant: Tenant
    user: User | None
    claims: Json
    query: dict[str, str]
    body: Json
    prefer: str
    url: str
    eventual: bool = False

    @property
    def who(self) -> str:
        """Return the name of the caller for the journal."""
        return self.user.upn if self.user else f"app {self.claims['appid']}"

    def permissions(self) -> set[str]:
        """Return the delegated scopes, or the app roles of an app alone."""
        return (
            set(self.claims.get("scp", "").split())
            if self.user
            else set(self.claims.get("roles", []))
        )

    def role(self, wanted: frozenset[str]) -> bool:
        """Return whether the person has one of these directory roles; an app alone needs none."""
        return self.user is None or bool(self.user.roles & wanted)

    def need_role(self, wanted: frozenset[str]) -> None:
        """Check that the person has one of these directory roles; an app alone needs none.

        Raises:
            GraphError: with status 403 when the person has none of them.
        """
        if not self.role(wanted):
            denied()

    def need(self, groups: Groups) -> None:
        """Check that the token has one permission of each group.

        Raises:
            GraphError: with status 403 when the token has none of a group.
        """
        have = self.permissions()
        if not all(have & group for group in groups):
            denied()

    def note(self, action: str, name: str, before: Any = None, after: Any = None) -> None:
        """Write the call's change to the journal."""
        self.world.journal.write(self.who, "graph", action, name, before, after)
        changed = after or before
        if action in ACTIVITIES and "id" in changed:
            self.tenant.audit(self.world.now(), self.who, ACTIVITIES[action], changed)

    @property
    def upsert(self) -> bool:
        """Return whether ``Prefer: create-if-missing`` was sent."""
        return "create-if-missing" in self.prefer.lower()


ACTIVITIES: Final = {
    "create_application": "Add application",
    "update_application": "Update application",
    "delete_application": "Delete application",
    "create_service_principal": "Add service principal",
    "update_service_principal": "Update service principal",
    "delete_service_principal": "Remove service principal",
    "create_grant": "Add delegated permission grant",
    "update_grant": "Add delegated permission grant",
    "delete_grant": "Remove delegated permission grant",
}
"""Names of activities in the directory's log (learn.microsoft.com/entra/identity/monitoring-health/
reference-audit-activities), by the actions of this cloud."""
Handler = Callable[..., Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """Handler of a path of Graph, with the permissions that it requires."""

    handler: Handler
    groups: Groups


ROUTER: Final[Router[Route]] = Router()


def route(method: str, path: str, *groups: frozenset[str]) -> Callable[[Handler], Handler]:
    """Register a handler; the token must have one permission of each group."""

    def add(handler: Handler) -> Handler:
        ROUTER.on(method, path)(Route(handler, groups))
        return handler

    return add


def denied() -> NoReturn:
    """Raise Graph's error 403 for missing privileges."""
    raise GraphError(
        403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."
    )


def absent(name: str) -> GraphError:
    """Return Graph's error 404 for an object that does not exist."""
    return GraphError(
        404,
        "Request_ResourceNotFound",
        f"Resource '{name}' does not exist or one of its queried reference-property objects are not present.",
    )


def bad(message: str) -> GraphError:
    """Return the directory's error 400 for a request that is not valid."""
    return GraphError(400, "Request_BadRequest", message)


DIRECTORY_READ: Final = frozenset({"Directory.Read.All", "Directory.ReadWrite.All"})
APPS_WRITE: Final = frozenset(
    {"Application.ReadWrite.All", "Application.ReadWrite.OwnedBy", "Directory.ReadWrite.All"}
)
APPS_READ: Final = frozenset({"Application.Read.All"}) | APPS_WRITE | DIRECTORY_READ
GRANTS_WRITE: Final = frozenset(
    {"DelegatedPermissionGrant.ReadWrite.All", "Directory.ReadWrite.All"}
)
GRANTS_READ: Final = (
    frozenset({"DelegatedPermissionGrant.Read.All"}) | GRANTS_WRITE | DIRECTORY_READ
)
ASSIGN: Final = frozenset({"AppRoleAssignment.ReadWrite.All"})
POLICY_READ: Final = frozenset({"Policy.Read.All"})
USERS_READ: Final = frozenset({"User.Read.All"}) | DIRECTORY_READ
PERSON: Final = frozenset({"User.Read"}) | USERS_READ
APP_ROLES: Final = ids.APP_WRITERS
