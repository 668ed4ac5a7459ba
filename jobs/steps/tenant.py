"""Step M1, first half: the signed-in tenant owns the mailbox's domain."""

from __future__ import annotations

from jobs.causes.cause import Cause
from jobs.clouds.errors import Forbidden, NotFound, Rejected
from jobs.clouds.json_values import lower_of
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.step import Step
from jobs.model import Finding, Station, Text


class Tenant(Step):
    """Step M1: the mailbox's domain is verified in the tenant of the signed-in account."""

    name = "tenant"
    article_row = "M1"
    group = "microsoft"
    shown_in = "mailbox_user"
    reads = ("User.Read.All",)
    diagnosis = Diagnosis(station=Station.MAILBOX)

    async def inspect(self, ctx: StepContext) -> Finding:
        """Compare the verified domains; if they are hidden, ``mailbox_user`` decides."""
        account = ctx.run.account
        values = {
            "domain": ctx.channel.domain,
            "account": account.upn if account else "key:seen.the_bot",
        }
        domains = await _domains(ctx)
        if not domains:
            return self.ok(Text("seen.tenant_unread", values))
        if ctx.channel.domain not in domains:
            return self.wrong(Text("seen.other_tenant", values), cause=Cause.WRONG_TENANT)
        return self.ok(Text("seen.tenant", values))


async def _domains(ctx: StepContext) -> set[str]:
    try:
        organization = await ctx.graph.organization()
    except (Forbidden, NotFound, Rejected):
        return set()
    return {lower_of(domain, "name") for domain in organization.get("verifiedDomains") or ()}
