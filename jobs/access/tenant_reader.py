"""Read-only clients for a tenant, which keep within Microsoft's limits for it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from redis import Redis

from jobs.access import app_access
from jobs.access.app_access import AppAccess
from jobs.causes.cause import Cause
from jobs.clock import now
from jobs.clouds.errors import CloudReply, SignInNeeded
from jobs.clouds.http import async_client
from jobs.clouds.rate_limit import LIMITS, Limit, RateLimiter
from jobs.clouds.single_flight import SingleFlight
from jobs.clouds.token_source import TokenSource
from jobs.engine.context import StepContext
from jobs.mail.message_trace import Trace, open_trace
from jobs.microsoft.app_only import AppTokens, ReadingExchange, ReadingGraph
from jobs.microsoft.scopes import exchange_scope, graph_default
from jobs.model import Access
from jobs.runs.reference import new_id
from jobs.runs.run import Event, Kind, Run
from jobs.runs.run_store import RunStore
from jobs.runtime import Runtime
from jobs.storage import keys
from jobs.storage.keys import Key


@dataclass(frozen=True, slots=True)
class TenantCallHistory:
    """Times of a tenant's calls under one limit, shared by all workers.

    Microsoft limits them per tenant: a second look must not begin as if nobody had asked a moment
    ago. Implements :class:`jobs.clouds.rate_limit.CallHistory`.
    """

    redis: Redis
    tenant: str
    limit: Limit

    def ages(self) -> list[float]:
        now = time.time()
        since = now - self.limit.seconds
        rows: Any = self.redis.zrangebyscore(self._key, since, "+inf", withscores=True)
        return [now - float(score) for _, score in rows]

    def record(self) -> None:
        now = time.time()
        with self.redis.pipeline() as together:
            together.zadd(self._key, {new_id() + new_id(): now})
            together.zremrangebyscore(self._key, 0, now - self.limit.seconds)
            together.pexpire(self._key, round(self.limit.seconds * 1000))
            together.execute()

    @property
    def _key(self) -> Key:
        return keys.tenant_calls(self.tenant.lower(), self.limit.kind)


@dataclass(slots=True)
class TenantReader:
    """Read-only view of one tenant, whose channels share clients, reads and rate limits."""

    runtime: Runtime
    graph: ReadingGraph
    exchange: ReadingExchange
    trace: Trace
    granted: AppAccess | None
    tokens: AppTokens | None
    reads: SingleFlight = field(default_factory=SingleFlight)

    @property
    def allowed(self) -> Collection[Access]:
        return {Access.NONE, Access.APP} if self.granted else {Access.NONE}

    def context(self, run: Run, store: RunStore) -> StepContext:
        settings, vault = self.runtime.settings, self.runtime.vault
        access = Access.APP if self.granted else Access.NONE
        return StepContext(
            run,
            settings,
            store,
            vault,
            self.graph,
            self.exchange,
            lambda: self.trace,
            access=access,
            reads=self.reads,
            documents=self.runtime.documents,
        )

    def revoked_event(self) -> Event | None:
        """Delete the grant that this reader saw revoked and return an event of it, else None."""
        if self.granted is None or self.tokens is None or self.tokens.ended is None:
            return None
        app_access.drop(self.runtime.store.redis, self.granted)
        data = {
            "question": "app_access",
            "cause": Cause.APP_ACCESS_WITHDRAWN,
            "code": self.tokens.ended.code,
        }
        return Event(Kind.PROBLEM, now(), data=data)


@asynccontextmanager
async def open_reader(
    runtime: Runtime,
    tenant: str,
    reads: tuple[SingleFlight, SingleFlight, SingleFlight] | None = None,
) -> AsyncIterator[TenantReader]:
    """Open the read-only clients of a tenant; ``tenant`` is empty if it is not known.

    ``reads`` are the caches for answers of Graph, of Exchange and of other services, shared by many
    channels. Without them only reads that are made at the same time are shared.
    """
    settings = runtime.settings
    granted = app_access.grant_for(runtime.store.redis, tenant)
    tokens = app_access.tokens_of(settings, tenant, runtime.documents) if granted else None
    at_graph, at_exchange, once = reads or (SingleFlight(), SingleFlight(), SingleFlight())
    pace = RateLimiter(LIMITS, partial(TenantCallHistory, runtime.store.redis, tenant))
    async with async_client(settings) as http:
        graph = ReadingGraph(
            http,
            _source(tokens, graph_default(settings.graph_url)),
            settings.graph_url,
            at_graph,
            pace,
        )
        source = _source(tokens, exchange_scope(settings.exchange_url))
        exchange = ReadingExchange(
            http, source, settings.exchange_url, tenant, "", at_exchange, pace
        )
        yield TenantReader(
            runtime, graph, exchange, open_trace(graph, exchange), granted, tokens, once
        )


def _source(tokens: AppTokens | None, scope: str) -> TokenSource:
    if tokens is not None:
        return tokens.source(scope)

    async def nobody() -> str:
        raise SignInNeeded(Cause.SIGN_IN_MISSING, CloudReply("entra"))

    return nobody
