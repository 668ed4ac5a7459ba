"""Outbound connectors of Exchange that take mail to another server on its way out."""

from __future__ import annotations

from jobs.causes.cause import Cause
from jobs.clouds.errors import unless_refused
from jobs.clouds.json_values import text_of
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.step import Probe
from jobs.microsoft.exchange import ExchangeRow
from jobs.model import Finding, Station, Text
from jobs.steps.remote_domain import domain_matches


class OutboundConnectors(Probe):
    """Probe for an enabled connector that gives the copies to a server of others.

    That server may keep a copy that the trace shows as sent, so the finding is a cause only if mail
    makes no task. A connector that only a mail-flow rule uses is judged with the rules. Source:
    platforms/microsoft.md 2.8.
    """

    name = "outbound_connectors"
    article_row = "M4"
    reads = ("View-Only Configuration",)
    diagnosis = Diagnosis(
        station=Station.FORWARD,
        explains=frozenset({Cause.NO_TASK, Cause.MAIL_NOT_DELIVERED}),
        disproved_by=("mail_to_task",),
    )

    async def inspect(self, ctx: StepContext) -> Finding:
        rows = await unless_refused(ctx.exchange.run("Get-OutboundConnector", {}))
        if rows is None:
            return self.skipped(Text("skipped.connectors"))
        domain = ctx.channel.forwarding_address.rpartition("@")[2].lower()
        found = next((row for row in rows if domain and _takes(row, domain)), None)
        if found is None:
            return self.ok(Text("seen.no_connector"))
        hosts = ", ".join(map(str, found.get("SmartHosts") or ()))
        seen = Text("seen.connector", {"name": text_of(found, "Name"), "hosts": hosts})
        return self.possible(seen, cause=Cause.CONNECTOR_TAKES_MAIL)


def _takes(row: ExchangeRow, domain: str) -> bool:
    """Return whether the connector is on and routes mail for the domain to smart hosts."""
    if row.get("Enabled") is not True or row.get("IsTransportRuleScoped") is True:
        return False
    domains = row.get("RecipientDomains") or ()
    plain = (str(each).lower().removeprefix("smtp:").partition(";")[0] for each in domains)
    named = any(domain_matches(each, domain) for each in plain)
    return row.get("RouteAllMessagesViaOnPremises") is True or (
        named and row.get("UseMXRecord") is not True
    )
