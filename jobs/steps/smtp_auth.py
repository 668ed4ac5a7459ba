"""M2: authenticated SMTP for the one mailbox; the organisation's switch is only read."""

from __future__ import annotations

import asyncio

from jobs.microsoft.exchange import Row
from jobs.model import Change, Finding, Scope, Words
from jobs.step import Context, Step

PROPERTY = "SmtpClientAuthenticationDisabled"


class SmtpAuth(Step):
    """On for the mailbox, or not set there and on in the organisation: the property is tri-state (facts/microsoft.md 2.1)."""

    name = "smtp_auth"
    row = "M2"
    group = "microsoft"
    checked = True
    explains = frozenset({"smtp_auth_off_for_mailbox", "smtp_auth_off_for_tenant", "smtp_token_refused", "smtp_login_blocked"})
    needs = ("mailbox_user",)
    reads = ("View-Only Recipients", "View-Only Configuration")
    writes = ("Mail Recipients",)

    async def inspect(self, ctx: Context) -> Finding:
        """Read both switches."""
        mailbox, organization = await asyncio.gather(
            ctx.exchange.run("Get-CASMailbox", {"Identity": ctx.channel.mailbox}), ctx.exchange.run("Get-TransportConfig", {})
        )
        own, everybody = _off(mailbox), _off(organization)
        if own is False:
            return self.ok(Words("seen.smtp_on"))
        if own is None and everybody is False:
            return self.ok(Words("seen.smtp_inherits_on"))
        key = "seen.smtp_off" if own else "seen.smtp_inherits_off"
        return self.wrong(Words(key), cause="smtp_auth_off_for_mailbox" if own else "smtp_auth_off_for_tenant", was="true" if own else "")

    def plan(self, ctx: Context, finding: Finding) -> tuple[Change, ...]:
        """Microsoft's own recipe: the organisation stays as it is, the one mailbox is switched on."""
        command = f"Set-CASMailbox {ctx.channel.mailbox} -{PROPERTY} $false"
        return (self.change(finding.seen or Words("seen.off"), Words("seen.on"), Scope.MAILBOX, command),)

    async def apply(self, ctx: Context, finding: Finding) -> None:
        """One property of one mailbox."""
        await ctx.exchange.run("Set-CASMailbox", {"Identity": ctx.channel.mailbox, PROPERTY: False})


def _off(rows: list[Row]) -> bool | None:
    value = str(rows[0].get(PROPERTY)).lower() if rows else ""
    return {"true": True, "false": False}.get(value)
