"""Service health of the tenant.

Source: learn.microsoft.com/graph/api/serviceannouncement-list-healthoverviews.
"""

from typing import Any, Final

from practice.microsoft.graph import odata
from practice.microsoft.graph.call import Answer, Call, route

Json = dict[str, Any]
READ: Final = frozenset({"ServiceHealth.Read.All"})
SERVICES: Final = {
    "Exchange Online": "Exchange",
    "Microsoft Entra": "Entra",
    "Microsoft 365 suite": "OSDPPlatform",
}
OLD: Final[Json] = {
    "startDateTime": "2020-11-04T00:00:00Z",
    "endDateTime": "2020-11-20T17:00:00Z",
    "title": "Admins are unable to migrate some user mailboxes from IMAP",
    "id": "EX226574",
    "classification": "incident",
    "status": "serviceRestored",
    "service": "Exchange Online",
    "isResolved": True,
}
ADVISORY: Final[Json] = {
    "startDateTime": "2026-11-20T00:00:00Z",
    "endDateTime": None,
    "title": "Some users see a delay in search results",
    "id": "EX700001",
    "classification": "advisory",
    "status": "serviceDegradation",
    "service": "Exchange Online",
    "isResolved": False,
}


@route("GET", "/admin/serviceAnnouncement/healthOverviews", READ)
def overviews(call: Call) -> Answer:
    """Return the health of every service, with its issues only if the query expands them.

    The issues always include an old one and an advisory.
    """
    issues = [OLD, ADVISORY, *call.tenant.service_issues]
    rows = [
        _row(name, number, [issue for issue in issues if issue["service"] == name])
        for name, number in SERVICES.items()
    ]
    if "issues" not in call.query.get("$expand", ""):
        rows = [{key: value for key, value in row.items() if key != "issues"} for row in rows]
    return odata.listed(call, rows, "admin/serviceAnnouncement/healthOverviews")


def _row(name: str, number: str, issues: list[Json]) -> Json:
    hurt = any(
        not issue["isResolved"] and issue["classification"] == "incident" for issue in issues
    )
    return {
        "service": name,
        "status": "serviceInterruption" if hurt else "serviceOperational",
        "id": number,
        "issues": issues,
    }
