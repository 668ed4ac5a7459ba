"""With what a tenant is looked at where nobody is signed in: the bot's own read access if the tenant grants it, else nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from jobs import app_access
from jobs.app_access import AppAccess
from jobs.clock import now
from jobs.mail.trace import Trace, open_trace
from jobs.microsoft.app_only import AppTokens, ReadingExchange, ReadingGraph
from jobs.microsoft.errors import Said, SignInNeeded
from jobs.microsoft.http import async_client
from jobs.microsoft.pace import LIMITS, Pace
from jobs.microsoft.renewing import TokenSource
from jobs.microsoft.scopes import exchange_scope, graph_default
from jobs.microsoft.shared import SharedReads
from jobs.model import Access
from jobs.run import Event, Kind, Run
from jobs.runtime import Runtime
from jobs.step import Context
from jobs.store import Store
from jobs.trace_ledger import TraceLedger


@dataclass(slots=True)
class Eyes:
    """One tenant, to be looked at: every channel that is looked at with the same eyes shares their clients, reads and limits."""

    runtime: Runtime
    graph: ReadingGraph
    exchange: ReadingExchange
    trace: Trace
    granted: AppAccess | None
    tokens: AppTokens | None
    once: SharedReads = field(default_factory=SharedReads)

    @property
    def allowed(self) -> Collection[Access]:
        """The accesses that there are."""
        return {Access.NONE, Access.APP} if self.granted else {Access.NONE}

    def context(self, run: Run, store: Store) -> Context:
        """What the steps of a run may use; its events go to ``store``."""
        settings, vault = self.runtime.settings, self.runtime.vault
        access = Access.APP if self.granted else Access.NONE
        return Context(run, settings, store, vault, self.graph, self.exchange, lambda: self.trace, access=access, once=self.once)

    def ended(self) -> Event | None:
        """That the tenant has taken its grant back, if these eyes have seen it; it is forgotten by then."""
        if self.granted is None or self.tokens is None or self.tokens.ended is None:
            return None
        app_access.forget(self.runtime.store.redis, self.granted)
        data = {"question": "app_access", "cause": "app_access_withdrawn", "code": self.tokens.ended.code}
        return Event(Kind.PROBLEM, now(), data=data)


@asynccontextmanager
async def opened(runtime: Runtime, tenant: str, reads: tuple[SharedReads, SharedReads, SharedReads] | None = None) -> AsyncIterator[Eyes]:
    """Eyes for a tenant, which may be unknown (empty).

    ``reads`` keep what Graph, Exchange and the world answered for many channels; one channel shares only what is under way.
    """
    settings = runtime.settings
    granted = app_access.known(runtime.store.redis, tenant)
    tokens = app_access.tokens_of(settings, tenant) if granted else None
    at_graph, at_exchange, once = reads or (SharedReads(), SharedReads(), SharedReads())
    pace = Pace(LIMITS, TraceLedger(runtime.store.redis, tenant))
    async with async_client(settings) as http:
        graph = ReadingGraph(http, _source(tokens, graph_default(settings.graph_url)), settings.graph_url, at_graph, pace)
        source = _source(tokens, exchange_scope(settings.exchange_url))
        exchange = ReadingExchange(http, source, settings.exchange_url, tenant, "", at_exchange, pace)
        yield Eyes(runtime, graph, exchange, open_trace(graph, exchange), granted, tokens, once)


def _source(tokens: AppTokens | None, scope: str) -> TokenSource:
    if tokens is not None:
        return tokens.source(scope)

    async def nobody() -> str:
        raise SignInNeeded("sign_in_missing", Said("entra"))

    return nobody
