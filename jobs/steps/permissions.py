"""Step E4, first half: the tenant's ids of the permissions, which are read and never hard-coded."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from jobs.causes.cause import Cause
from jobs.clouds.errors import CloudError, NotFound, Rejected
from jobs.clouds.json_values import text_of
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.failures import finding_from_error
from jobs.engine.step import Step
from jobs.microsoft.app_manifest import permission_id
from jobs.microsoft.graph import EXCHANGE_APP_ID, GRAPH_APP_ID
from jobs.microsoft.graph_requests import promised
from jobs.model import Change, Finding, Scope, Text


class Permissions(Step):
    """Step E4: Office 365 Exchange Online is in the tenant and exposes ``SMTP.Send``.

    A tenant with the service but without its service principal gets one. If the service itself is
    missing, Graph refuses. Source: platforms/microsoft.md 1.3 and 1.4.
    """

    name = "permissions"
    article_row = "E4"
    group = "entra"
    shown_in = "application"
    reads = ("Application.Read.All",)
    writes = ("Application.ReadWrite.All",)
    diagnosis = Diagnosis()

    async def inspect(self, ctx: StepContext) -> Finding:
        exchange, graph = await asyncio.gather(
            ctx.graph.service_principal(EXCHANGE_APP_ID), ctx.graph.service_principal(GRAPH_APP_ID)
        )
        if exchange is None:
            return replace(
                self.wrong(Text("seen.no_exchange"), cause=Cause.EXCHANGE_SERVICE_MISSING),
                values={"present": "no"},
            )
        facts = {
            "exchange_sp_id": promised(exchange, "id"),
            "graph_sp_id": text_of(graph, "id"),
            "exchange_smtp_send": permission_id(exchange, "SMTP.Send"),
            "graph_smtp_send": permission_id(graph, "SMTP.Send"),
            "mail_send": permission_id(exchange, "Mail.Send", role=True),
        }
        if not (facts["exchange_smtp_send"] or facts["graph_smtp_send"]):
            return self.wrong(Text("seen.no_smtp_send"), cause=Cause.PERMISSION_ID_UNKNOWN)
        return self.ok(Text("seen.permissions"), facts=facts)

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        """Plan Microsoft's service principal; else no app can request SMTP.Send (AADSTS500011)."""
        if finding.cause != Cause.EXCHANGE_SERVICE_MISSING:
            return ()
        command = f'Graph POST /servicePrincipals {{"appId": "{EXCHANGE_APP_ID}"}}'
        return (
            self.change(Text("seen.no_exchange"), Text("after.permissions"), Scope.APP, command),
        )

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        """Create the service principal; the call is safe to repeat, as a second is impossible."""
        await ctx.graph.create_service_principal(EXCHANGE_APP_ID)

    def explain_error(self, ctx: StepContext, error: CloudError) -> Finding | None:
        """Report a refusal as "no Exchange Online in this tenant", with Graph's text."""
        return (
            replace(finding_from_error(self, error, ctx.run), cause=Cause.EXCHANGE_SERVICE_MISSING)
            if isinstance(error, Rejected | NotFound)
            else None
        )
