"""Read access that a tenant's administrator has granted to the bot's own app: kept by tenant, looked into at every use, forgotten when it ends.

What is kept holds no secret: when it was granted, through whose card, and which roles the token carried (facts/microsoft.md 6.2 b).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from redis import Redis

from jobs.clock import now
from jobs.clouds.errors import CloudReply, Forbidden
from jobs.clouds.http import sync_client
from jobs.microsoft.app_only import AppTokens, Ask, missing_in, roles_in
from jobs.microsoft.discovery_cache import DiscoveryCache
from jobs.microsoft.identity import Identity
from jobs.microsoft.scopes import EXCHANGE_APP_ROLES, GRAPH_APP_ROLES, OPTIONAL_APP_ROLES, exchange_scope, graph_default, names_in
from jobs.settings import Settings
from jobs.storage import codec, keys


@dataclass(frozen=True, slots=True)
class AppAccess:
    """One tenant's grant. ``by`` is the address of the person whose card led to it."""

    tenant: str
    at: datetime
    by: str
    roles: tuple[str, ...]

    @property
    def surplus(self) -> tuple[str, ...]:
        """Roles that the tokens carry and no look of a check uses: a risk, and no fault (CHECKLIST A6)."""
        return tuple(sorted({*self.roles} - {*GRAPH_APP_ROLES, *OPTIONAL_APP_ROLES, *EXCHANGE_APP_ROLES}))


def grant_for(redis: Redis, tenant: str) -> AppAccess | None:
    """What the tenant has granted, as far as is known; None for a tenant that is not known either."""
    raw = redis.hget(keys.app_access(), tenant.lower()) if tenant else None
    return codec.load(raw, AppAccess) if isinstance(raw, bytes) else None


def all_grants(redis: Redis) -> tuple[AppAccess, ...]:
    """All that is known, by tenant."""
    found = (codec.load(raw, AppAccess) for raw in redis.hvals(keys.app_access()) if isinstance(raw, bytes))
    return tuple(sorted(found, key=lambda access: access.tenant))


def save(redis: Redis, access: AppAccess) -> None:
    """Keep it until it ends."""
    redis.hset(keys.app_access(), access.tenant.lower(), codec.dump(access))


def drop(redis: Redis, access: AppAccess) -> None:
    """It has ended. One that was granted anew meanwhile stays."""
    if grant_for(redis, access.tenant) == access:
        redis.hdel(keys.app_access(), access.tenant.lower())


def needed(settings: Settings) -> Mapping[str, tuple[str, ...]]:
    """The roles that a token of each resource must carry."""
    graph = names_in(settings.graph_url, GRAPH_APP_ROLES)
    return {graph_default(settings.graph_url): graph, exchange_scope(settings.exchange_url): EXCHANGE_APP_ROLES}


def asker(settings: Settings, tenant: str, documents: DiscoveryCache | None = None) -> Ask:
    """Asks Entra for a token of the bot's own app in that tenant."""

    def ask(scope: str) -> str:
        with sync_client(settings) as http:
            return Identity.of_bot(settings, http, tenant, documents).app_token(scope)

    return ask


def prove(settings: Settings, tenant: str, by: str, documents: DiscoveryCache | None = None) -> AppAccess:
    """The grant as the tokens show it; what a browser brought back proves nothing.

    Raises:
        NotAllowed: ``app_roles_missing``, with the names of those that no token carries.
        CloudError: there is no token at all.
    """
    ask = asker(settings, tenant, documents)
    tokens = {scope: ask(scope) for scope in needed(settings)}
    lacking = [name for scope, names in needed(settings).items() for name in missing_in(tokens[scope], names)]
    if lacking:
        raise Forbidden("app_roles_missing", CloudReply("entra", code=", ".join(lacking)))
    return AppAccess(tenant, now(), by, tuple(sorted(role for token in tokens.values() for role in roles_in(token))))


def tokens_of(settings: Settings, tenant: str, documents: DiscoveryCache | None = None) -> AppTokens:
    """Tokens for one check, or for all the channels of one tenant."""
    return AppTokens(asker(settings, tenant, documents), needed(settings))
