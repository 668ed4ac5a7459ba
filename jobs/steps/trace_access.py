"""V1 to V3 are followed by the message trace: it can be read, by Graph or by the cmdlet."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from jobs.clock import now
from jobs.clouds.errors import Forbidden, NotFound, Rejected, SignInNeeded
from jobs.engine.context import StepContext
from jobs.engine.step import Step
from jobs.microsoft.graph import MESSAGE_TRACE_APP_ID
from jobs.model import Change, Finding, Scope, Text


class TraceAccess(Step):
    """Whoever signed in may trace. Graph needs a service principal of Microsoft's in the tenant; the cmdlet does not (facts/microsoft.md 2.5)."""

    name = "trace_access"
    article_row = "V1"
    group = "connect"
    shown_in = "test_mail"
    needs = ("mailbox_user",)
    reads = ("ExchangeMessageTrace.Read.All",)
    writes = ("Application.ReadWrite.All",)

    async def inspect(self, ctx: StepContext) -> Finding:
        """Try it; where neither way works, see whether the service is what is missing.

        Graph may say so by a 401, for which a sign-in would do nothing. Where it is the sign-in that is dead, the look for the service says so.
        """
        try:
            await ctx.trace().find(now() - timedelta(hours=1), recipient=ctx.channel.mailbox)
        except (Forbidden, NotFound, Rejected, SignInNeeded):
            if await ctx.graph.service_principal(MESSAGE_TRACE_APP_ID) is None:
                return replace(self.wrong(Text("seen.trace_service_missing"), facts={"missing": "yes"}), values={"present": "no"})
            raise
        return self.ok(Text("seen.trace_readable"))

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        """Microsoft's own service, which reads nothing by itself."""
        command = f'Graph POST /servicePrincipals {{"appId": "{MESSAGE_TRACE_APP_ID}"}}'
        return (self.change(Text("seen.none"), Text("after.trace_access"), Scope.APP, command),)

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        """A second one cannot come to be."""
        await ctx.graph.create_service_principal(MESSAGE_TRACE_APP_ID)
