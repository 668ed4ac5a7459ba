"""Requests to Graph that look for a channel nobody recorded; each reads one page or a few objects.

A directory may have thousands of apps, so none of these lists it. Filters are those that Graph
documents: ``eq`` on the ids of a grant, and ``startsWith`` on redirect URIs as an advanced query,
which needs the header ConsistencyLevel and ``$count``. ``endsWith`` is not supported there.
"""

from __future__ import annotations

from datetime import datetime

from jobs.clouds.errors import CloudError, Rejected
from jobs.clouds.json_values import lower_of
from jobs.microsoft.graph import Graph
from jobs.microsoft.graph_requests import Json, instant, segment, text

ADVANCED = {"ConsistencyLevel": "eventual"}
_APP = "id,appId,displayName,uniqueName,web,spa,publicClient,requiredResourceAccess"
_PRINCIPAL = "id,appId,displayName,appOwnerOrganizationId,replyUrls"
_MOST = "50"


async def grants_of_user(graph: Graph, user_id: str) -> list[Json]:
    """Return the delegated permissions that one user has given to apps."""
    return await graph.collection(
        "/oauth2PermissionGrants", {"$filter": f"principalId eq {text(user_id)}"}, pages=3
    )


async def grants_for_all(graph: Graph, resource_sp_id: str) -> list[Json]:
    """Return the delegated permissions of a resource that apps have for every user."""
    resource = f"resourceId eq {text(resource_sp_id)}"
    try:
        found = await graph.collection(
            "/oauth2PermissionGrants",
            {"$filter": f"{resource} and consentType eq 'AllPrincipals'"},
            pages=3,
        )
    except Rejected:  # a directory that does not combine the two
        found = await graph.collection("/oauth2PermissionGrants", {"$filter": resource}, pages=3)
    return [grant for grant in found if lower_of(grant, "consentType") == "allprincipals"]


async def principal(graph: Graph, sp_id: str) -> Json | None:
    return await graph.find(f"/servicePrincipals/{segment(sp_id)}", {"$select": _PRINCIPAL})


async def signed_in_apps(graph: Graph, user_id: str, since: datetime) -> list[Json]:
    """Return a user's newest sign-ins; only beta lists non-interactive ones (microsoft.md 5).

    If beta does not answer, only the interactive ones are returned.
    """
    wanted = f"userId eq {text(user_id)} and createdDateTime ge {instant(since)}"
    renewed = f"{wanted} and signInEventTypes/any(t:t eq 'nonInteractiveUser')"
    rows = await graph.collection("/auditLogs/signIns", {"$filter": wanted, "$top": "100"}, pages=1)
    try:
        return rows + await graph.collection(
            "/auditLogs/signIns", {"$filter": renewed, "$top": "100"}, pages=1, version="beta"
        )
    except CloudError:
        return rows


async def apps_that_redirect_to(graph: Graph, beginning: str) -> list[Json]:
    """Return the apps with a redirect URI under Web that begins with this text."""
    wanted = f"web/redirectUris/any(p:startswith(p,{text(beginning)}))"
    return await _advanced(graph, {"$filter": wanted})


async def apps_named(graph: Graph, word: str) -> list[Json]:
    """Return the apps whose display name has a word that begins with this text."""
    return await _advanced(graph, {"$search": f'"displayName:{word}"'})


async def _advanced(graph: Graph, wanted: dict[str, str]) -> list[Json]:
    """Return the first page of an advanced query; none if the directory does not support it."""
    query = {**wanted, "$count": "true", "$select": _APP, "$top": _MOST}
    try:
        return await graph.collection("/applications", query, pages=1, headers=ADVANCED)
    except Rejected:
        return []
