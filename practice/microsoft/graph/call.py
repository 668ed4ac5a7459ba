"""One call of Graph: who calls, with which permissions, and how an answer or an error looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from practice.microsoft import ids
from practice.microsoft.routing import Router
from practice.microsoft.world import Tenant, User, World

Json = dict[str, Any]
Groups = tuple[frozenset[str], ...]


class GraphError(Exception):
    """An error of Graph by its status, code and message."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None, *, detail: str = "") -> None:
        super().__init__(code)
        self.status, self.code, self.message, self.headers, self.detail = status, code, message, headers or {}, detail


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, a body (None for none) and headers."""

    status: int
    body: Json | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """A call that carried a good token: the tenant, the person (None for an app alone) and what was sent."""

    world: World
    tenant: Tenant
    user: User | None
    claims: Json
    query: dict[str, str]
    body: Json
    prefer: str
    url: str

    @property
    def who(self) -> str:
        """The name for the journal."""
        return self.user.upn if self.user else f"app {self.claims['appid']}"

    def permissions(self) -> set[str]:
        """Delegated scopes, or app roles of an app alone."""
        return set(self.claims.get("scp", "").split()) if self.user else set(self.claims.get("roles", []))

    def role(self, wanted: frozenset[str]) -> bool:
        """Whether the person has one of these directory roles; an app alone needs none."""
        return self.user is None or bool(self.user.roles & wanted)

    def need_role(self, wanted: frozenset[str]) -> None:
        """Raise 403 where the person has none of these roles."""
        if not self.role(wanted):
            denied()

    def need(self, groups: Groups) -> None:
        """Raise 403 where a group has no permission that the token carries."""
        have = self.permissions()
        if not all(have & group for group in groups):
            denied()

    def note(self, action: str, name: str, before: Any = None, after: Any = None) -> None:
        """Write to the journal."""
        self.world.journal.write(self.who, "graph", action, name, before, after)

    @property
    def upsert(self) -> bool:
        """Whether ``Prefer: create-if-missing`` was sent."""
        return "create-if-missing" in self.prefer.lower()


Handler = Callable[..., Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """A handler with the permissions that it takes."""

    handler: Handler
    groups: Groups


ROUTER: Final[Router[Route]] = Router()


def route(method: str, path: str, *groups: frozenset[str]) -> Callable[[Handler], Handler]:
    """Register a handler; of each group of permissions the token has to carry one."""

    def add(handler: Handler) -> Handler:
        ROUTER.on(method, path)(Route(handler, groups))
        return handler

    return add


def denied() -> NoReturn:
    """403 as Graph says it."""
    raise GraphError(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")


def absent(name: str) -> GraphError:
    """404 as Graph says it."""
    return GraphError(
        404,
        "Request_ResourceNotFound",
        f"Resource '{name}' does not exist or one of its queried reference-property objects are not present.",
    )


def bad(message: str) -> GraphError:
    """400 as the directory says it."""
    return GraphError(400, "Request_BadRequest", message)


DIRECTORY_READ: Final = frozenset({"Directory.Read.All", "Directory.ReadWrite.All"})
APPS_WRITE: Final = frozenset({"Application.ReadWrite.All", "Application.ReadWrite.OwnedBy", "Directory.ReadWrite.All"})
APPS_READ: Final = frozenset({"Application.Read.All"}) | APPS_WRITE | DIRECTORY_READ
GRANTS_WRITE: Final = frozenset({"DelegatedPermissionGrant.ReadWrite.All", "Directory.ReadWrite.All"})
GRANTS_READ: Final = frozenset({"DelegatedPermissionGrant.Read.All"}) | GRANTS_WRITE | DIRECTORY_READ
ASSIGN: Final = frozenset({"AppRoleAssignment.ReadWrite.All"})
POLICY_READ: Final = frozenset({"Policy.Read.All"})
USERS_READ: Final = frozenset({"User.Read.All"}) | DIRECTORY_READ
ROLES_READ: Final = frozenset({"RoleManagement.Read.Directory"}) | DIRECTORY_READ
PERSON: Final = frozenset({"User.Read"}) | USERS_READ
APP_ROLES: Final = ids.APP_WRITERS
