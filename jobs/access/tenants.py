"""Access to a tenant: an administrator's sign-in during a run, and what the bot's own app may read.

The sign-in is encrypted, renewed, and deleted when the run ends. The record of the read access that
a tenant's administrator has granted holds no secret: only when, through whose card, and which roles
the token carried (platforms/microsoft.md 6.2). The clients keep within Microsoft's limits for the
tenant.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from redis import Redis

from jobs.causes.cause import Cause
from jobs.clock import now
from jobs.clouds import calls
from jobs.clouds.errors import CloudError, Forbidden, Rejected, SignInNeeded
from jobs.clouds.http import async_client, sync_client
from jobs.clouds.rate_limit import RateLimiter, ReadCache, SingleFlight
from jobs.engine.step import StepContext
from jobs.mail.message_trace import Trace
from jobs.microsoft import scopes, tokens
from jobs.microsoft.exchange import InvokeCommand
from jobs.microsoft.graph import Graph
from jobs.microsoft.identity import Identity
from jobs.microsoft.tokens import AppTokens, ReadingExchange, ReadingGraph, Tokens
from jobs.model import Access, Account, Channel
from jobs.runs.run import Event, Kind, Run
from jobs.runs.run_store import RunStore
from jobs.runtime import Runtime
from jobs.settings import Settings
from jobs.storage import codec, keys
from jobs.storage.vault import Sealed

SESSION_S = 26 * 3600
"""Longest lifetime of a sign-in, in seconds: verification step M5 may need 24 hours."""


def keep_session(runtime: Runtime, run: Run, cache: str) -> None:
    """Store the sign-in's tokens for the rest of ``SESSION_S``; SignInNeeded if that is over."""
    left = SESSION_S - int((now() - (run.signed_in or now())).total_seconds())
    if left <= 0:
        raise SignInNeeded(Cause.SIGN_IN_MISSING, "entra")
    runtime.vault.put(Sealed.ADMIN_SESSION.of(run.id), cache, left)


def drop_session(runtime: Runtime, run_id: str) -> None:
    runtime.vault.drop(Sealed.ADMIN_SESSION.of(run_id))


def end_session(runtime: Runtime, run_id: str, error: SignInNeeded) -> None:
    drop_session(runtime, run_id)
    data = {"cause": error.cause, "code": error.words}
    runtime.store.append(run_id, Event(Kind.SIGNED_OUT, now(), data=data))


@asynccontextmanager
async def open_clients(runtime: Runtime, run: Run, account: Account) -> AsyncIterator[StepContext]:
    """Open clients with the administrator's tokens; SignInNeeded if none are stored."""
    settings, store, vault = runtime.settings, runtime.store, runtime.vault
    name = Sealed.ADMIN_SESSION.of(run.id)
    if (cache := vault.get(name)) is None:
        raise SignInNeeded(Cause.SIGN_IN_MISSING, "entra")

    def keep(renewed: str) -> None:
        nonlocal cache
        calls.check_guard()
        if vault.get(name) == cache:  # or else somebody has signed in or out meanwhile
            keep_session(runtime, run, renewed)
            cache = renewed

    async with async_client(settings) as http:
        with sync_client(settings) as login:
            session = Tokens(Identity.of_bot(settings, login, account.tenant_id), cache, keep)
            at_graph = session.source(*scopes.graph_scopes(settings.graph_url, run.permissions))
            graph = Graph(http, at_graph, settings.graph_url)
            source = session.source(scopes.exchange_scope(settings.exchange_url))
            whose = account.tenant_id, account.upn
            exchange = InvokeCommand(http, source, settings.exchange_url, *whose)
            trace = Trace(graph, exchange)
            yield StepContext(run, settings, store, vault, graph, exchange, lambda: trace)


LOOK_S = 8.0
"""Longest wait for Graph's answer, in seconds; without it the worker decides later."""


def require_own_tenant(settings: Settings, channel: Channel, account: Account, token: str) -> None:
    """Check that the mailbox's domain is verified in the account's tenant.

    The step ``tenant`` checks it, too; here the person in the browser sees the result. If the
    domains cannot be read, nothing is decided.

    Raises:
        Rejected: ``wrong_tenant``, with the account's name as its code.
    """
    domains = asyncio.run(_read_domains(settings, token))
    if domains and channel.domain not in domains:
        raise Rejected(Cause.WRONG_TENANT, "entra", code=account.upn)


async def _read_domains(settings: Settings, token: str) -> set[str]:
    async def source() -> str:
        return token

    try:
        async with asyncio.timeout(LOOK_S), async_client(settings) as http:
            return await Graph(http, source, settings.graph_url).verified_domains()
    except (CloudError, TimeoutError):
        return set()


@dataclass(frozen=True, slots=True)
class AppAccess:
    """Grant of one tenant; ``by`` is the person whose card led to it."""

    tenant: str
    at: datetime
    by: str
    roles: tuple[str, ...]

    @property
    def surplus(self) -> tuple[str, ...]:
        """Return the roles that no check uses: a risk, but not an error (checklist.toml A6)."""
        used = {*scopes.GRAPH_READ_SCOPES, *scopes.EXCHANGE_APP_ROLES}
        return tuple(sorted({*self.roles} - used))


def grant_for(redis: Redis, tenant: str) -> AppAccess | None:
    raw = redis.hget(keys.app_access(), tenant.lower()) if tenant else None
    return codec.load(raw, AppAccess) if isinstance(raw, bytes) else None


def all_grants(redis: Redis) -> tuple[AppAccess, ...]:
    found = (codec.load(raw, AppAccess) for raw in redis.hvals(keys.app_access()))
    return tuple(sorted(found, key=lambda each: each.tenant))


def keep_grant(redis: Redis, access: AppAccess) -> None:
    redis.hset(keys.app_access(), access.tenant.lower(), codec.dump(access))


def drop_grant(redis: Redis, access: AppAccess) -> None:
    """Delete a grant that has ended, unless a newer one of the tenant has replaced it."""
    if grant_for(redis, access.tenant) == access:
        redis.hdel(keys.app_access(), access.tenant.lower())


def needed(settings: Settings) -> Mapping[str, tuple[str, ...]]:
    at_graph = scopes.names_in(settings.graph_url, scopes.GRAPH_APP_ROLES)
    return {
        scopes.graph_default(settings.graph_url): at_graph,
        scopes.exchange_scope(settings.exchange_url): scopes.EXCHANGE_APP_ROLES,
    }


def app_token(settings: Settings, tenant: str, scope: str) -> str:
    with sync_client(settings) as http:
        return Identity.of_bot(settings, http, tenant).app_token(scope)


def prove(settings: Settings, tenant: str, by: str) -> AppAccess:
    """Return the grant as the tenant's tokens show it; the browser's parameters prove nothing.

    Raises:
        Forbidden: ``app_roles_missing``, with the names of the required roles that no token
            carries.
        CloudError: when no token can be obtained at all.
    """
    found = {scope: app_token(settings, tenant, scope) for scope in needed(settings)}
    lists = (tokens.missing_in(found[scope], names) for scope, names in needed(settings).items())
    if lacking := [name for names in lists for name in names]:
        raise Forbidden(Cause.APP_ROLES_MISSING, "entra", code=", ".join(lacking))
    roles = sorted(role for token in found.values() for role in tokens.roles_in(token))
    return AppAccess(tenant, now(), by, tuple(roles))


@dataclass(slots=True)
class TenantReader:
    """Read-only view of one tenant, whose channels share clients, reads and rate limits."""

    runtime: Runtime
    graph: ReadingGraph
    exchange: ReadingExchange
    trace: Trace
    granted: AppAccess | None
    tokens: AppTokens
    memo: SingleFlight
    many: bool

    def context(self, run: Run, store: RunStore) -> StepContext:
        settings, vault = self.runtime.settings, self.runtime.vault
        access = Access.APP if self.granted else Access.NONE
        clients = self.graph, self.exchange, lambda: self.trace
        return StepContext(
            run, settings, store, vault, *clients, access=access, memo=self.memo, many=self.many
        )

    def revoked_event(self) -> Event | None:
        """Delete the grant that this reader saw revoked and return an event of it, else None."""
        if self.granted is None or self.tokens.ended is None:
            return None
        drop_grant(self.runtime.store.redis, self.granted)
        cause, code = Cause.APP_ACCESS_WITHDRAWN, self.tokens.ended.code
        data = {"question": "app_access", "cause": cause, "code": code}
        return Event(Kind.PROBLEM, now(), data=data)


@asynccontextmanager
async def open_reader(
    runtime: Runtime, tenant: str, memo: ReadCache | None = None
) -> AsyncIterator[TenantReader]:
    """Open the read-only clients of a tenant; ``tenant`` is empty if it is not known.

    ``memo`` has what many channels share of services besides Microsoft. Then Microsoft's answers
    are kept, too; without it, only its reads at the same time are shared.
    """
    settings = runtime.settings
    granted = grant_for(runtime.store.redis, tenant)
    required = needed(settings) if granted else {}
    own = AppTokens(lambda scope: app_token(settings, tenant, scope), required)
    pace, kept = RateLimiter(runtime.store.redis, tenant), ReadCache if memo else SingleFlight
    async with async_client(settings) as http:
        source = own.source(scopes.graph_default(settings.graph_url))
        graph = ReadingGraph(http, source, settings.graph_url, kept(), pace)
        source = own.source(scopes.exchange_scope(settings.exchange_url))
        exchange = ReadingExchange(http, source, settings.exchange_url, tenant, "", kept(), pace)
        trace, once, many = Trace(graph, exchange), memo or ReadCache(), memo is not None
        yield TenantReader(runtime, graph, exchange, trace, granted, own, once, many)
