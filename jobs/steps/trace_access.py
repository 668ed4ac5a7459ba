"""Step V1: the message trace can be read, by Graph or by the cmdlet, to follow V1 to V3."""

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
    """Step V1: the account may trace; only Graph needs a principal (facts/microsoft.md 2.5)."""

    name = "trace_access"
    article_row = "V1"
    group = "connect"
    shown_in = "test_mail"
    needs = ("mailbox_user",)
    reads = ("ExchangeMessageTrace.Read.All",)
    writes = ("Application.ReadWrite.All",)

    async def inspect(self, ctx: StepContext) -> Finding:
        """Try a message trace.

        If neither Graph nor the cmdlet works, check whether the service principal is missing. Graph
        may report a missing service principal with a 401, and signing in would not help. If the
        sign-in itself is no longer valid, reading the service principal reports that.
        """
        try:
            await ctx.trace().find(now() - timedelta(hours=1), recipient=ctx.channel.mailbox)
        except (Forbidden, NotFound, Rejected, SignInNeeded):
            if await ctx.graph.service_principal(MESSAGE_TRACE_APP_ID) is None:
                return replace(
                    self.wrong(Text("seen.trace_service_missing"), facts={"missing": "yes"}),
                    values={"present": "no"},
                )
            raise
        return self.ok(Text("seen.trace_readable"))

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        command = f'Graph POST /servicePrincipals {{"appId": "{MESSAGE_TRACE_APP_ID}"}}'
        return (self.change(Text("seen.none"), Text("after.trace_access"), Scope.APP, command),)

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        """Create the service principal; the call is safe to repeat, as a second is impossible."""
        await ctx.graph.create_service_principal(MESSAGE_TRACE_APP_ID)
