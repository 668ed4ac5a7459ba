"""Check of a new sign-in: the account's tenant must own the mailbox's domain.

The step ``tenant`` makes the same check in the worker. The page of the sign-in makes it at once, so
that the person in the browser sees the result, and not only the Webex space.
"""

from __future__ import annotations

import asyncio

from jobs.causes.cause import Cause
from jobs.clouds.errors import CloudError, CloudReply, Rejected
from jobs.clouds.http import async_client
from jobs.clouds.json_values import lower_of
from jobs.microsoft.graph import Graph
from jobs.model import Account, Channel
from jobs.settings import Settings

LOOK_S = 8.0
"""Longest wait for Graph's answer, in seconds; without it the worker decides later."""


def require_own_tenant(settings: Settings, channel: Channel, account: Account, token: str) -> None:
    """Check that the mailbox's domain is among the verified domains of the account's tenant.

    ``token`` is the account's token for Graph. If the domains cannot be read, nothing is decided.

    Raises:
        Rejected: ``wrong_tenant``, with the account's name as its code.
    """
    domains = asyncio.run(_read_domains(settings, token))
    if domains and channel.domain not in domains:
        raise Rejected(Cause.WRONG_TENANT, CloudReply("entra", code=account.upn))


async def _read_domains(settings: Settings, token: str) -> set[str]:
    """Return the tenant's verified domains in lower case, or none if they could not be read."""

    async def source() -> str:
        return token

    try:
        async with asyncio.timeout(LOOK_S), async_client(settings) as http:
            organization = await Graph(http, source, settings.graph_url).organization()
    except (CloudError, TimeoutError):
        return set()
    return {lower_of(domain, "name") for domain in organization.get("verifiedDomains") or ()}
