"""Faults of the providers' status information and of the contact center.

Source: platforms/connect.md 2.2 and 3.2; learn.microsoft.com; status.webex.com/api.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from practice.faults.fault_context import FaultContext, put
from practice.faults.model import described
from practice.faults.smtp_auth import TEMPORARY
from practice.microsoft.world import stamp

Json = dict[str, Any]


def _incident(ground: FaultContext, service: str, number: str, title: str) -> None:
    """Add an open incident, and grant the bot permission to read the service health."""
    began = stamp(ground.world.now() - timedelta(hours=1))
    issue = {
        "startDateTime": began,
        "endDateTime": None,
        "title": title,
        "id": number,
        "classification": "incident",
    }
    ground.tenant.service_issues.append(
        issue | {"status": "serviceDegradation", "service": service, "isResolved": False}
    )
    ground.consent("ServiceHealth.Read.All")


def _exchange(ground: FaultContext) -> None:
    _incident(ground, "Exchange Online", "EX734001", "Users may be unable to send mail by SMTP")


def _exchange_busy(ground: FaultContext) -> None:
    _exchange(ground)
    put(ground.user, login_reply=TEMPORARY)


def _entra(ground: FaultContext) -> None:
    _incident(ground, "Microsoft Entra", "MO734002", "Some sign-ins fail")


def _webex(name: str) -> Callable[[FaultContext], None]:
    incident: Json = {
        "id": "a1",
        "publicationId": "PUB0010751",
        "name": name,
        "impact": "major",
        "status": "investigating",
    }
    incident |= {
        "incidentType": "INCIDENT",
        "commercial": True,
        "fedRAMP": False,
        "components": [{"name": name.partition(":")[0]}],
    }
    return lambda ground: ground.outside.incidents.append(
        incident | {"created_at": stamp(ground.world.now() - timedelta(hours=1))}
    )


def _maintenance(name: str) -> Callable[[FaultContext], None]:
    """Return a change that shows a maintenance with this name, which is under way."""

    def change(ground: FaultContext) -> None:
        _webex(name)(ground)
        shown = ground.outside.incidents.pop() | {"status": "in_progress"}
        ground.outside.maintenance.append(shown)

    return change


def _entry_points_off(ground: FaultContext) -> None:
    for point in ground.cloud.connect.entry_points:
        point.active = False


FAULTS: Final = described(
    {
        "exchange_incident": _exchange_busy,
        "exchange_incident_alone": _exchange,
        "entra_incident_alone": _entra,
        "webex_incident": _webex("Webex Contact Center: Email tasks are late"),
        "webex_maintenance": _maintenance("Webex Contact Center: Maintenance of digital channels"),
        "webex_maintenance_elsewhere": _maintenance("Webex Meetings: Maintenance"),
        "webex_incident_elsewhere": _webex("Webex Meetings: Recordings are late"),
        "entry_point_missing": lambda ground: ground.cloud.connect.entry_points.clear(),
        "entry_point_filter_refused": lambda ground: put(ground.outside, channel_filter=False),
        "entry_point_inactive": _entry_points_off,
        "connect_audit_refused": lambda ground: put(ground.outside, audit_refusal=401),
    }
)
