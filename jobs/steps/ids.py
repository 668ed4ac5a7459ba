"""Step E6: the two ids that Webex Connect's form requires."""

from __future__ import annotations

from jobs.engine.context import StepContext
from jobs.engine.step import Step
from jobs.model import Finding, Text


class ConnectIds(Step):
    """Step E6: the Application (client) ID and the Directory (tenant) ID are known."""

    name = "ids"
    article_row = "E6"
    group = "entra"
    needs = ("application",)

    async def inspect(self, ctx: StepContext) -> Finding:
        tenant = ctx.run.account.tenant_id if ctx.run.account else ""
        return self.ok(
            Text("seen.ids", {"client_id": ctx.fact("client_id"), "tenant_id": tenant}),
            facts={"tenant_id": tenant},
        )
