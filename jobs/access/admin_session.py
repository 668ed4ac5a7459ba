"""Sign-in of an administrator during a run: encrypted, renewed, and deleted when the run ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jobs.causes.cause import Cause
from jobs.clock import now
from jobs.clouds import calls
from jobs.clouds.errors import CloudError, Rejected, SignInNeeded
from jobs.clouds.http import async_client, sync_client
from jobs.clouds.json_values import lower_of
from jobs.engine.step import StepContext
from jobs.mail.message_trace import Trace
from jobs.microsoft.exchange import InvokeCommand
from jobs.microsoft.graph import Graph
from jobs.microsoft.identity import Identity
from jobs.microsoft.scopes import exchange_scope, graph_scopes
from jobs.microsoft.tokens import Tokens
from jobs.model import Account, Channel
from jobs.runs.run import Run
from jobs.runtime import Runtime
from jobs.settings import Settings
from jobs.storage.vault import Sealed

SESSION_S = 26 * 3600
"""Longest lifetime of a sign-in, in seconds: verification step M5 may need 24 hours."""


def save(runtime: Runtime, run: Run, cache: str) -> None:
    """Store the sign-in's tokens for the rest of ``SESSION_S``; SignInNeeded if that is over."""
    age_s = (now() - run.signed_in).total_seconds() if run.signed_in else 0
    left = SESSION_S - int(age_s)
    if left <= 0:
        raise SignInNeeded(Cause.SIGN_IN_MISSING, "entra")
    runtime.vault.put(Sealed.ADMIN_SESSION.of(run.id), cache, left)


def drop(runtime: Runtime, run_id: str) -> None:
    runtime.vault.drop(Sealed.ADMIN_SESSION.of(run_id))


@asynccontextmanager
async def open_clients(runtime: Runtime, run: Run, account: Account) -> AsyncIterator[StepContext]:
    """Open clients with the administrator's tokens; SignInNeeded if none are stored."""
    cache = runtime.vault.get(Sealed.ADMIN_SESSION.of(run.id))
    if cache is None:
        raise SignInNeeded(Cause.SIGN_IN_MISSING, "entra")
    settings, store, vault = runtime.settings, runtime.store, runtime.vault

    def keep(renewed: str) -> None:
        calls.check_guard()
        save(runtime, run, renewed)

    async with async_client(settings) as http:
        with sync_client(settings) as login:
            identity = Identity.of_bot(settings, login, account.tenant_id)
            tokens = Tokens(identity, cache, keep)
            at_graph = tokens.source(*graph_scopes(settings.graph_url, run.permissions))
            graph = Graph(http, at_graph, settings.graph_url)
            source = tokens.source(exchange_scope(settings.exchange_url))
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
            organization = await Graph(http, source, settings.graph_url).organization()
    except (CloudError, TimeoutError):
        return set()
    return {lower_of(domain, "name") for domain in organization.get("verifiedDomains") or ()}
