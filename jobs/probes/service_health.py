"""Microsoft's own report on its services in this tenant.

It shows whether the problem is on Microsoft's side.
"""

from __future__ import annotations

from typing import ClassVar

from jobs.causes.cause import Cause
from jobs.clouds.errors import Forbidden, NotFound, Rejected
from jobs.contact_center.incidents import microsoft_incidents
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.step import Probe
from jobs.model import Finding, Station, Text
from jobs.probes._health import health_finding


class _Health(Probe):
    """Probe for open incidents in Microsoft's service health.

    The permission is not part of the sign-in, because the whole sign-in would fail in a tenant that
    has not consented to it. Entra puts every consented permission into a token, so it takes effect
    when an administrator consents (docs/operations.md).
    """

    article_row = "MS"
    reads = ("ServiceHealth.Read.All",)
    services: ClassVar[frozenset[str]]
    cause: ClassVar[str]

    async def inspect(self, ctx: StepContext) -> Finding:
        """Read the health once for all services.

        Without permission, or in a cloud without this report, the finding says so.
        """
        try:
            rows = await ctx.graph.service_health()
        except (Forbidden, NotFound, Rejected):
            return self.skipped(Text("skipped.service_health"))
        return health_finding(self, microsoft_incidents(rows, self.services), self.cause)


class ExchangeHealth(_Health):
    name = "exchange_health"
    services = frozenset({"exchange online", "exchange"})
    cause = Cause.EXCHANGE_INCIDENT
    diagnosis = Diagnosis(
        station=Station.MAILBOX,
        explains=frozenset(
            {
                Cause.SMTP_BUSY,
                Cause.SMTP_UNREACHABLE,
                Cause.TIMED_OUT,
                Cause.CONNECTION_LOST,
                Cause.CERTIFICATE_INVALID,
                Cause.HOST_NAME_UNKNOWN,
                Cause.SERVICE_UNAVAILABLE,
                Cause.CONNECT_SMTP_FAILED,
            }
        ),
    )


class EntraHealth(_Health):
    """Probe for open incidents of the sign-in service, which has had several names."""

    name = "entra_health"
    services = frozenset(
        {
            "microsoft entra",
            "identity service",
            "azure active directory",
            "orgliveid",
            "microsoft entra id",
        }
    )
    cause = Cause.ENTRA_INCIDENT
    diagnosis = Diagnosis(
        explains=frozenset(
            {
                Cause.ENTRA_BUSY,
                Cause.SERVICE_UNAVAILABLE,
                Cause.TIMED_OUT,
                Cause.CONNECTION_LOST,
                Cause.CERTIFICATE_INVALID,
                Cause.HOST_NAME_UNKNOWN,
                Cause.THROTTLED,
                Cause.ANSWER_UNREADABLE,
            }
        )
    )
