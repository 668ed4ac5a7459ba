"""Read access that a tenant's administrator has granted to the bot's own app.

A grant is stored for each tenant, verified at every use, and deleted when it ends. The stored
record holds no secret: only when it was granted, through whose card, and which roles the token
carried (platforms/microsoft.md 6.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from redis import Redis

from jobs.causes.cause import Cause
from jobs.clock import now
from jobs.clouds.errors import CloudReply, Forbidden
from jobs.clouds.http import sync_client
from jobs.microsoft.app_only import AppTokens, Ask, missing_in, roles_in
from jobs.microsoft.discovery_cache import DiscoveryCache
from jobs.microsoft.identity import Identity
from jobs.microsoft.scopes import (
    EXCHANGE_APP_ROLES,
    GRAPH_APP_ROLES,
    OPTIONAL_APP_ROLES,
    exchange_scope,
    graph_default,
    names_in,
)
from jobs.settings import Settings
from jobs.storage import codec, keys


@dataclass(frozen=True, slots=True)
class AppAccess:
    """Grant with which one tenant lets the bot's own app read.

    ``by`` is the address of the person whose card led to the grant.
    """

    tenant: str
    at: datetime
    by: str
    roles: tuple[str, ...]

    @property
    def surplus(self) -> tuple[str, ...]:
        """Return the roles that no check uses: a risk, but not an error (checklist.toml A6)."""
        return tuple(
            sorted({*self.roles} - {*GRAPH_APP_ROLES, *OPTIONAL_APP_ROLES, *EXCHANGE_APP_ROLES})
        )


def grant_for(redis: Redis, tenant: str) -> AppAccess | None:
    """Return the stored grant of a tenant, or None; ``tenant`` may be empty."""
    raw = redis.hget(keys.app_access(), tenant.lower()) if tenant else None
    return codec.load(raw, AppAccess) if isinstance(raw, bytes) else None


def all_grants(redis: Redis) -> tuple[AppAccess, ...]:
    found = (
        codec.load(raw, AppAccess)
        for raw in redis.hvals(keys.app_access())
        if isinstance(raw, bytes)
    )
    return tuple(sorted(found, key=lambda access: access.tenant))


def save(redis: Redis, access: AppAccess) -> None:
    redis.hset(keys.app_access(), access.tenant.lower(), codec.dump(access))


def drop(redis: Redis, access: AppAccess) -> None:
    """Delete a grant that has ended, unless a newer one of the tenant has replaced it."""
    if grant_for(redis, access.tenant) == access:
        redis.hdel(keys.app_access(), access.tenant.lower())


def needed(settings: Settings) -> Mapping[str, tuple[str, ...]]:
    """Return the roles that a token must carry, for each resource's scope."""
    graph = names_in(settings.graph_url, GRAPH_APP_ROLES)
    return {
        graph_default(settings.graph_url): graph,
        exchange_scope(settings.exchange_url): EXCHANGE_APP_ROLES,
    }


def asker(settings: Settings, tenant: str, documents: DiscoveryCache | None = None) -> Ask:
    """Return a function that requests a token of the bot's own app in the given tenant."""

    def ask(scope: str) -> str:
        with sync_client(settings) as http:
            return Identity.of_bot(settings, http, tenant, documents).app_token(scope)

    return ask


def prove(
    settings: Settings, tenant: str, by: str, documents: DiscoveryCache | None = None
) -> AppAccess:
    """Return the grant as the tenant's tokens show it.

    The parameters that the browser brings back from the consent page prove nothing, so they are not
    used.

    Raises:
        Forbidden: ``app_roles_missing``, with the names of the required roles that no token
            carries.
        CloudError: when no token can be obtained at all.
    """
    ask = asker(settings, tenant, documents)
    tokens = {scope: ask(scope) for scope in needed(settings)}
    lacking = [
        name
        for scope, names in needed(settings).items()
        for name in missing_in(tokens[scope], names)
    ]
    if lacking:
        raise Forbidden(Cause.APP_ROLES_MISSING, CloudReply("entra", code=", ".join(lacking)))
    return AppAccess(
        tenant,
        now(),
        by,
        tuple(sorted(role for token in tokens.values() for role in roles_in(token))),
    )


def tokens_of(
    settings: Settings, tenant: str, documents: DiscoveryCache | None = None
) -> AppTokens:
    return AppTokens(asker(settings, tenant, documents), needed(settings))
