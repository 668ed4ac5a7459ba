"""Organization of Graph, with its domains, sign-in log and directory roles."""

from typing import Any, Final

from practice.microsoft.graph import limits, odata
from practice.microsoft.graph.call import (
    DIRECTORY_READ,
    PERSON,
    Answer,
    Call,
    GraphError,
    route,
)
from practice.microsoft.world import LONG_AGO, Tenant, stamp

Json = dict[str, Any]
NOT_PREMIUM: Final = "Authentication_RequestFromNonPremiumTenantOrB2CTenant"
ORGANIZATION: Final = frozenset(
    {
        "id",
        "displayName",
        "countryLetterCode",
        "tenantType",
        "verifiedDomains",
        "createdDateTime",
        "assignedPlans",
        "state",
    }
)
PLAN: Final = {
    "assignedDateTime": stamp(LONG_AGO),
    "capabilityStatus": "Enabled",
    "service": "exchange",
    "servicePlanId": "efb87545-963c-4e0d-99df-69c6916d9eb0",
}


@route("GET", "/organization", PERSON | frozenset({"Organization.Read.All"}))
def organization(call: Call) -> Answer:
    """Return the tenant and its verified domains."""
    return odata.listed(
        call, [odata.select(call, _organization(call.tenant), ORGANIZATION)], "organization"
    )


def _organization(tenant: Tenant) -> Json:
    domains = [
        {
            "name": name,
            "isDefault": name == tenant.domains[0],
            "isInitial": name.endswith(".onmicrosoft.com"),
            "type": "Managed",
            "capabilities": "Email, OfficeCommunicationsOnline",
        }
        for name in tenant.domains
    ]
    return {
        "id": tenant.id,
        "displayName": tenant.name,
        "countryLetterCode": "DE",
        "tenantType": "AAD",
        "verifiedDomains": domains,
        "assignedPlans": [PLAN],
        "createdDateTime": stamp(LONG_AGO),
        "state": "Bavaria",
    }


@route("GET", "/auditLogs/signIns", frozenset({"AuditLog.Read.All"}), DIRECTORY_READ)
def sign_ins(call: Call) -> Answer:
    """Return the interactive sign-ins, without their event type.

    Version v1.0 of Graph does not list other sign-ins.
    """
    rows = [row for row in reversed(call.tenant.sign_ins) if row["isInteractive"]]
    return _sign_ins(
        call,
        [
            {name: value for name, value in row.items() if name != "signInEventTypes"}
            for row in rows
        ],
    )


@route("GET", "/beta/auditLogs/signIns", frozenset({"AuditLog.Read.All"}), DIRECTORY_READ)
def all_sign_ins(call: Call) -> Answer:
    """Return the sign-ins of every type that ``signInEventTypes`` asks for.

    Without such a filter these are the interactive ones.
    """
    asked = "signineventtypes" in call.query.get("$filter", "").lower()
    return _sign_ins(
        call, [row for row in reversed(call.tenant.sign_ins) if asked or row["isInteractive"]]
    )


def _sign_ins(call: Call, rows: list[Json]) -> Answer:
    if not call.tenant.premium:
        raise GraphError(
            403, NOT_PREMIUM, "Neither tenant is B2C or tenant doesn't have premium license"
        )
    limits.admit(call, limits.REPORTS)
    times = frozenset({"eq", "ge", "gt", "le", "lt"})
    allowed = {
        "appId": odata.EQ,
        "userPrincipalName": odata.TEXT,
        "userId": odata.EQ,
        "createdDateTime": times,
        "status/errorCode": odata.EQ,
        "signInEventTypes": frozenset({"any"}),
    }
    return odata.listed(call, odata.filtered(call, rows, allowed), "auditLogs/signIns")


@route("GET", "/auditLogs/directoryAudits", frozenset({"AuditLog.Read.All"}), DIRECTORY_READ)
def directory_audits(call: Call) -> Answer:
    """Return the changes of the directory, which need no premium license, newest first.

    Source: learn.microsoft.com/graph/api/directoryaudit-list.
    """
    limits.admit(call, limits.REPORTS)
    times = frozenset({"eq", "ge", "le"})
    allowed = {"activityDateTime": times, "targetResources": frozenset({"any"})}
    rows = odata.filtered(call, list(reversed(call.tenant.audits)), allowed)
    return odata.listed(call, rows, "auditLogs/directoryAudits")
