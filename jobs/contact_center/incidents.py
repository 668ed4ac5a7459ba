"""Open incidents from Microsoft's service health and Webex's status page.

Microsoft: learn.microsoft.com/graph/api/serviceannouncement-list-healthoverviews. Webex:
status.webex.com/api.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from jobs.clock import parse
from jobs.clouds.errors import CloudError
from jobs.clouds.http import Call
from jobs.clouds.json_values import as_dict, dicts_in, lower_of
from jobs.clouds.retry import RetryPolicy
from jobs.contact_center.client import ask, rows_in, value
from jobs.settings import Settings

_CLOSED = frozenset(
    {
        "servicerestored",
        "postincidentreviewpublished",
        "falsepositive",
        "resolved",
        "mitigated",
        "completed",
    }
)
_WEBEX_WORDS = ("contact center", "webex connect", "webex engage", "digital channel")
_QUICK = RetryPolicy(attempts=1, total_s=3.0)


@dataclass(frozen=True, slots=True)
class Incident:
    id: str
    title: str
    since: datetime | None = None


def microsoft_incidents(
    rows: Iterable[Mapping[str, Any]], services: frozenset[str]
) -> tuple[Incident, ...]:
    """Return the open incidents of these services, newest first, without advisories.

    ``services`` are names or IDs in lower case. There are always some advisories.
    """
    return _newest_first(
        Incident(value(issue, "id"), value(issue, "title"), parse(issue.get("startDateTime")))
        for row in rows
        if {lower_of(row, "service"), lower_of(row, "id")} & services
        for issue in dicts_in(row.get("issues"))
        if issue.get("isResolved") is not True
        and lower_of(issue, "status") not in _CLOSED
        and lower_of(issue, "classification") == "incident"
    )


async def webex_incidents(settings: Settings) -> tuple[Incident, ...]:
    """Return the open incidents of the contact center or Webex Connect, newest first.

    A maintenance that is under way counts as one, if the page shows it.
    """
    rows = await _listed(settings, "unresolved-incidents", "incidents")
    with suppress(CloudError):
        rows += await _listed(settings, "active-scheduled-maintenances", "scheduled_maintenances")
    return _newest_first(
        Incident(
            value(row, "publicationId", "incidentNumber", "id"),
            value(row, "name"),
            parse(row.get("created_at")),
        )
        for row in rows
        if _concerns_mail(row) and value(row, "status").lower() not in _CLOSED
    )


async def _listed(settings: Settings, page: str, name: str) -> list[dict[str, Any]]:
    url = f"{settings.status_url}/{page}.json"
    body = await ask(settings, Call("webex-status", "GET", url, read_seconds=3.0), _QUICK)
    return rows_in(as_dict(body), name, "webex-status")


def _concerns_mail(row: Mapping[str, Any]) -> bool:
    """Return whether the title or a component is about mail, outside the government's cloud."""
    words = " ".join(lower_of(part, "name") for part in (row, *dicts_in(row.get("components"))))
    return row.get("commercial") is not False and any(word in words for word in _WEBEX_WORDS)


def _newest_first(found: Iterable[Incident]) -> tuple[Incident, ...]:
    never = datetime.min.replace(tzinfo=UTC)
    return tuple(sorted(found, key=lambda each: each.since or never, reverse=True))
