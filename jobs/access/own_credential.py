"""End of the credential with which the bot's own Entra app signs in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from jobs.access import app_access
from jobs.access.app_access import AppAccess
from jobs.clock import now, parse
from jobs.clouds.errors import CloudError
from jobs.clouds.http import async_client
from jobs.clouds.json_values import text_of
from jobs.microsoft.app_only import ReadingGraph
from jobs.microsoft.client_credential import CredentialError, credential_end
from jobs.microsoft.scopes import graph_default
from jobs.settings import Settings

SOON = timedelta(days=30)
"""Time before a credential's end from which the doctor warns about that end."""
LOOK_S = 20.0
"""Longest time to wait for the answer of one tenant, in seconds."""
HINT = 3
"""Number of a secret's first characters that Graph shows (passwordCredential, ``hint``)."""


@dataclass(frozen=True, slots=True)
class OwnCredential:
    """Known facts about the credential of the bot's own Entra app.

    ``words`` describe the credential. ``ends`` is None if its end is not known. ``problem`` says
    why the credential cannot be used, and ``doubt`` why it may stop working; both are empty if
    there is nothing to do.
    """

    words: str
    ends: datetime | None = None
    problem: str = ""
    doubt: str = ""


def own_credential(
    settings: Settings, granted: Iterable[AppAccess], at: datetime | None = None
) -> OwnCredential:
    """Return the known facts about the bot's credential, at the moment ``at`` or now.

    The end of a client secret is the setting MICROSOFT_CLIENT_SECRET_EXPIRES. Without it, Graph is
    asked in each tenant that lets the bot read by itself (``granted``), because the bot's app may
    be registered in one of them.
    """
    kind = "a certificate" if settings.microsoft_client_certificate else "a client secret"
    if settings.microsoft_federated_token_file:
        return OwnCredential("signs in with a federated token, which its platform renews")
    try:
        ends = credential_end(settings)
    except CredentialError as error:
        return OwnCredential(f"signs in with {kind}", problem=str(error))
    ends = ends or asyncio.run(_end_at_graph(settings, granted))
    return _judged(f"signs in with {kind}", ends, at or now())


def _judged(words: str, ends: datetime | None, at: datetime) -> OwnCredential:
    if ends is None:
        doubt = (
            f"{words} whose end is not known: set MICROSOFT_CLIENT_SECRET_EXPIRES to the day that"
            " Entra shows, and the approvers are reminded of it"
        )
        return OwnCredential(words, doubt=doubt)
    words = f"{words} until {ends:%d %b %Y}"
    if ends > at + SOON:
        return OwnCredential(words, ends)
    told = f"{words}: make a new one in Entra, Certificates & secrets, and set it here"
    return OwnCredential(words, ends, **{"doubt" if ends > at else "problem": told})


async def _end_at_graph(settings: Settings, granted: Iterable[AppAccess]) -> datetime | None:
    for access in granted:
        if app := await _own_app(settings, access.tenant):
            return end_of_secret(app, settings.microsoft_client_secret)
    return None


async def _own_app(settings: Settings, tenant: str) -> Mapping[str, Any]:
    """Return the bot's app registration in this tenant, or an empty object if it cannot be read."""
    scope = graph_default(settings.graph_url)
    source = app_access.tokens_of(settings, tenant).source(scope)
    try:
        async with asyncio.timeout(LOOK_S), async_client(settings) as http:
            graph = ReadingGraph(http, source, settings.graph_url)
            found = await graph.collection(
                "/applications",
                {
                    "$filter": f"appId eq '{settings.microsoft_client_id}'",
                    "$select": "appId,passwordCredentials",
                },
            )
    except (CloudError, TimeoutError):
        return {}
    return found[0] if found else {}


def end_of_secret(app: Mapping[str, Any], secret: str) -> datetime | None:
    """Return when the secret ends, or None if the app's registration does not make that clear.

    Graph shows the first three characters of each secret. An app's only secret needs no comparison.
    """
    listed = [each for each in app.get("passwordCredentials") or () if isinstance(each, dict)]
    mine = [each for each in listed if text_of(each, "hint") == secret[:HINT]] or listed
    return parse(mine[0].get("endDateTime")) if len(mine) == 1 else None
