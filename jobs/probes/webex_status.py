"""Webex's own report on its services, from its public status page."""

from __future__ import annotations

from urllib.parse import urlsplit

from jobs.causes.cause import Cause
from jobs.clouds.errors import CloudError
from jobs.contact_center.incidents import webex_incidents
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.step import Probe
from jobs.model import Access, Finding, Station, Text
from jobs.probes._health import health_finding


class WebexStatus(Probe):
    """Probe for open incidents on status.webex.com/api."""

    name = "webex_status"
    article_row = "WX"
    diagnosis = Diagnosis(
        access=Access.NONE,
        station=Station.CONNECT,
        explains=frozenset(
            {
                Cause.NO_TASK,
                Cause.CONNECT_SMTP_FAILED,
                Cause.CONNECT_SEND_FAILED,
                Cause.CONNECT_NOT_REACHED,
                Cause.WEBEX_UNAVAILABLE,
            }
        ),
    )

    async def inspect(self, ctx: StepContext) -> Finding:
        """Read the page in three seconds; unreadable, it says nothing about the channel."""
        if not urlsplit(ctx.settings.status_url).hostname:
            return self.skipped(Text("skipped.status_off"))
        found: Finding = await ctx.reads.read("webex_status", lambda: self._seen(ctx))
        return found

    async def _seen(self, ctx: StepContext) -> Finding:
        try:
            found = await webex_incidents(ctx.settings)
        except CloudError:
            return self.skipped(Text("skipped.status_page"))
        return health_finding(self, found, Cause.WEBEX_INCIDENT)
