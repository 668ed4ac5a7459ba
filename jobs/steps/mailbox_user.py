"""M1: the user whose mailbox is connected."""

from __future__ import annotations

import asyncio
from typing import Any

from jobs.microsoft.errors import CloudError, NotFound
from jobs.microsoft.exchange import Row
from jobs.model import Finding, Station, Words
from jobs.step import Context, Step


class MailboxUser(Step):
    """A user with a mailbox and an Exchange licence who may sign in; the UPN may differ from the address (facts/microsoft.md 2.1)."""

    name = "mailbox_user"
    row = "M1"
    group = "microsoft"
    checked = True
    explains = frozenset(
        {"account_disabled", "user_unknown", "licence_missing", "smtp_token_refused", "smtp_login_blocked", "smtp_refused"}
    )
    station = Station.MAILBOX
    needs = ("tenant",)
    reads = ("User.Read.All", "View-Only Recipients")

    async def inspect(self, ctx: Context) -> Finding:
        """Find the user and the mailbox."""
        user, mailbox = await asyncio.gather(ctx.graph.user(ctx.channel.mailbox), self._mailbox(ctx))
        if user is None:
            return self.wrong(Words(await self._why_nobody(ctx), {"mailbox": ctx.channel.mailbox}), cause="mailbox_not_found")
        upn = str(user.get("userPrincipalName", ""))
        facts = {"user_id": str(user["id"]), "upn": upn}
        if mailbox is None and licensed(user):
            return self.wrong(Words("seen.no_mailbox", {"upn": upn}), cause="mailbox_not_found", **facts)
        if user.get("accountEnabled") is False:
            return self.wrong(Words("seen.disabled", {"upn": upn}), cause="account_disabled", station=str(Station.ANSWER), **facts)
        if not licensed(user) and not _shared(mailbox):
            return self.wrong(Words("seen.no_licence", {"upn": upn}), cause="licence_missing", **facts)
        if _shared(mailbox):
            facts["shared"] = "yes"
        key = "seen.mailbox" if upn.lower() == ctx.channel.mailbox else "seen.mailbox_other_upn"
        return self.ok(Words(key, {"upn": upn}), **facts)

    async def _mailbox(self, ctx: Context) -> Row | None:
        try:
            rows = await ctx.exchange.run("Get-Mailbox", {"Identity": ctx.channel.mailbox})
        except NotFound:
            return None
        return rows[0] if rows else None

    async def _why_nobody(self, ctx: Context) -> str:
        """Whether the address is a group's, so that the answer can say so; where that cannot be told, it is missing."""
        try:
            rows = await ctx.exchange.run("Get-Recipient", {"Identity": ctx.channel.mailbox})
        except CloudError:
            return "seen.nobody"
        return "seen.group" if rows and "group" in str(rows[0].get("RecipientTypeDetails", "")).lower() else "seen.nobody"


def licensed(user: dict[str, Any]) -> bool:
    """Whether an Exchange plan is enabled for the user."""
    return any(
        str(plan.get("service", "")).lower() == "exchange" and str(plan.get("capabilityStatus", "")).lower() in {"enabled", "warning"}
        for plan in user.get("assignedPlans") or ()
    )


def _shared(mailbox: Row | None) -> bool:
    return mailbox is not None and "shared" in str(mailbox.get("RecipientTypeDetails") or "").lower()
