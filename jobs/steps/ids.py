"""E6: the two ids that Webex Connect's form asks for."""

from __future__ import annotations

from jobs.engine.step import Context, Step
from jobs.model import Finding, Words


class Ids(Step):
    """The Application (client) ID and the Directory (tenant) ID are known."""

    name = "ids"
    row = "E6"
    group = "entra"
    needs = ("application",)

    async def inspect(self, ctx: Context) -> Finding:
        """Both were read from Microsoft: one from the app, one from who signed in."""
        tenant = ctx.run.account.tenant_id if ctx.run.account else ""
        return self.ok(Words("seen.ids", {"client_id": ctx.fact("client_id"), "tenant_id": tenant}), tenant_id=tenant)
