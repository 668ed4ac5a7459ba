"""Entra's sign-in page, and reports of Microsoft and Webex on their services.

An incident alone is only a possible cause, because some incident is nearly always open while mail
flows. The verdict makes it the cause if it explains something that is wrong
(:func:`jobs.checks.verdict.Case.promoted`).
"""

from __future__ import annotations

import asyncio
from functools import partial
from urllib.parse import urlsplit

from jobs.causes.cause import Cause
from jobs.clouds.errors import CloudError, unless_refused
from jobs.clouds.http import sync_client
from jobs.contact_center.services import Incident, microsoft_incidents, webex_incidents
from jobs.engine.step import Probe, Step, StepContext
from jobs.microsoft.identity import Identity
from jobs.model import Evidence, Finding, Signals, Text, verbatim


def health_finding(step: Step, found: tuple[Incident, ...], cause: str) -> Finding:
    """Return a finding with the newest incident's id, title and start, and the number of others."""
    if not found:
        return step.ok(Text("seen.no_incident"))
    newest, more = found[0], len(found) - 1
    evidence = tuple(Evidence(step.name, f"{each.id} {each.title}".strip()) for each in found)
    values = {"id": newest.id, "title": newest.title}
    several = Text("seen.incidents", values | {"count": str(more)})
    seen, signals = several if more else Text("seen.incident", values), Signals(since=newest.since)
    return step.possible(seen, cause=cause, signals=signals, evidence=evidence)


class _Health(Probe):
    """Probe for open incidents in Microsoft's service health.

    The permission is not part of the sign-in, because the whole sign-in would fail in a tenant that
    has not consented to it. Entra puts every consented permission into a token, so it takes effect
    when an administrator consents (docs/operations.md).
    """

    services: frozenset[str]
    cause: Cause

    async def inspect(self, ctx: StepContext) -> Finding:
        """Read the health once for all services.

        Without permission, or in a cloud without this report, the finding says so.
        """
        rows = await unless_refused(ctx.graph.service_health())
        if rows is None:
            return self.skipped(Text("skipped.service_health"))
        return health_finding(self, microsoft_incidents(rows, self.services), self.cause)


class ExchangeHealth(_Health, row="exchange_health"):
    """Probe for open incidents of Exchange Online."""


class EntraHealth(_Health, row="entra_health"):
    """Probe for open incidents of the sign-in service."""


class Entra(Probe, row="entra"):
    """Probe that reads the tenant's discovery document, without which no token can be issued."""

    async def inspect(self, ctx: StepContext) -> Finding:
        """Request the discovery document; an unavailable Entra is a finding too."""
        reading = partial(asyncio.to_thread, self._seen, ctx)
        return await ctx.reads.read(f"entra {ctx.channel.tenant_id}", reading)

    def _seen(self, ctx: StepContext) -> Finding:
        tenant = ctx.channel.tenant_id or "organizations"
        try:
            with sync_client(ctx.settings) as http:
                Identity.of_bot(ctx.settings, http, tenant).discover()
        except CloudError as error:
            return self.wrong(verbatim(error.words), cause=error.cause, evidence=error.evidence())
        return self.ok(Text("seen.entra"))


class WebexStatus(Probe, row="webex_status"):
    """Probe for open incidents on status.webex.com/api."""

    async def inspect(self, ctx: StepContext) -> Finding:
        """Read the page in three seconds; unreadable, it says nothing about the channel."""
        if not urlsplit(ctx.settings.status_url).hostname:
            return self.skipped(Text("skipped.status_off"))
        return await ctx.reads.read("webex_status", lambda: self._seen(ctx))

    async def _seen(self, ctx: StepContext) -> Finding:
        try:
            found = await webex_incidents(ctx.settings)
        except CloudError:
            return self.skipped(Text("skipped.status_page"))
        return health_finding(self, found, Cause.WEBEX_INCIDENT)
