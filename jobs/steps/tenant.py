"""M1, first half: the signed-in tenant owns the mailbox's domain."""

from __future__ import annotations

from jobs.microsoft.errors import NotAllowed
from jobs.model import Finding, Station, Words
from jobs.step import Context, Step


class Tenant(Step):
    """Whoever signed in belongs to the tenant that the mailbox's domain is verified in."""

    name = "tenant"
    row = "M1"
    group = "microsoft"
    checked = True
    station = Station.MAILBOX
    line = "mailbox_user"
    reads = ("User.Read.All",)

    async def inspect(self, ctx: Context) -> Finding:
        """Compare with the verified domains; where they may not be read, the mailbox user decides (``mailbox_user``)."""
        account = ctx.run.account
        values = {"domain": ctx.channel.domain, "account": account.upn if account else ""}
        try:
            organization = await ctx.graph.organization()
        except NotAllowed:
            return self.ok(Words("seen.tenant_unread", values))
        domains = {str(domain.get("name", "")).lower() for domain in organization.get("verifiedDomains") or ()}
        if ctx.channel.domain not in domains:
            return self.wrong(Words("seen.other_tenant", values), cause="wrong_tenant")
        return self.ok(Words("seen.tenant", values))
