"""What Microsoft says of its own services in this tenant: whether it is not us."""

from __future__ import annotations

from typing import ClassVar

from jobs.clouds.cause_codes import causes
from jobs.clouds.errors import Forbidden, NotFound, Rejected
from jobs.contact_center.incidents import microsoft_incidents
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.step import Probe
from jobs.model import Finding, Station, Text
from jobs.probes._health import health_finding


class _Health(Probe):
    """No open incident in Microsoft's service health.

    The permission is no part of the sign-in, which would fail whole where a tenant has not agreed to it: Entra puts into a token all
    that was agreed to, so it counts from the moment that an administrator does (docs/operations.md).
    """

    article_row = "MS"
    reads = ("ServiceHealth.Read.All",)
    services: ClassVar[frozenset[str]]
    cause: ClassVar[str]

    async def inspect(self, ctx: StepContext) -> Finding:
        """Read it once for all services; who may not is told so, and where there is none it cannot be asked."""
        try:
            rows = await ctx.graph.service_health()
        except (Forbidden, NotFound, Rejected):
            return self.skipped(Text("skipped.service_health"))
        return health_finding(self, microsoft_incidents(rows, self.services), self.cause)


class ExchangeHealth(_Health):
    """Of Exchange Online."""

    name = "exchange_health"
    services = frozenset({"exchange online", "exchange"})
    cause = "exchange_incident"
    diagnosis = Diagnosis(
        station=Station.MAILBOX,
        explains=causes("smtp_busy", "smtp_unreachable", "timed_out", "connection_lost", "service_unavailable", "connect_smtp_failed"),
    )


class EntraHealth(_Health):
    """Of the sign-in service, which has had several names."""

    name = "entra_health"
    services = frozenset({"microsoft entra", "identity service", "azure active directory", "orgliveid", "microsoft entra id"})
    cause = "entra_incident"
    diagnosis = Diagnosis(
        explains=causes("entra_busy", "service_unavailable", "timed_out", "connection_lost", "throttled", "answer_unreadable")
    )
