"""M1: the user whose mailbox is connected."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from jobs.microsoft.errors import CloudError, NotAllowed, NotFound, SignInNeeded
from jobs.microsoft.exchange import Row
from jobs.microsoft.graph_calls import promised
from jobs.model import Access, Finding, Station, Words
from jobs.step import Context, Step

NOT_AT_EXCHANGE = Words("skipped.not_at_exchange")
UNREAD = Row({})
"""A mailbox that the bot's own access may not read; what the directory says of its user is told, and leads on."""


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
        user = user or await self._owner(ctx, mailbox)
        if user is None:
            return self.wrong(Words(await self._why_nobody(ctx), {"mailbox": ctx.channel.mailbox}), cause="mailbox_not_found")
        upn = str(user.get("userPrincipalName") or ctx.channel.mailbox)
        facts = {"user_id": promised(user, "id"), "upn": upn}
        if mailbox is None and licensed(user):
            return self.wrong(Words("seen.no_mailbox", {"upn": upn}), cause="mailbox_not_found", **facts)
        if user.get("accountEnabled") is False:
            return self.wrong(Words("seen.disabled", {"upn": upn}), cause="account_disabled", station=str(Station.ANSWER), **facts)
        if mailbox is UNREAD:
            return replace(self.skipped(NOT_AT_EXCHANGE), facts=facts)
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
        except (NotAllowed, SignInNeeded):
            if ctx.access is not Access.APP:
                raise
            return UNREAD
        return rows[0] if rows else None

    async def _owner(self, ctx: Context, mailbox: Row | None) -> dict[str, Any] | None:
        """Whose the mailbox is, as Exchange says: the directory may not find a user by every address of the mailbox."""
        names = [str(mailbox.get(name) or "") for name in ("UserPrincipalName", "ExternalDirectoryObjectId")] if mailbox else []
        owners = [await ctx.graph.user(name) for name in names if name and name.lower() != ctx.channel.mailbox]
        return next(filter(None, owners), None)

    async def _why_nobody(self, ctx: Context) -> str:
        """Whether the address is a group's, so that the answer can say so; where that cannot be told, it is missing."""
        try:
            rows = await ctx.exchange.run("Get-Recipient", {"Identity": ctx.channel.mailbox})
        except CloudError:
            return "seen.nobody"
        return "seen.group" if rows and "group" in str(rows[0].get("RecipientTypeDetails", "")).lower() else "seen.nobody"


def licensed(user: dict[str, Any]) -> bool:
    """Whether an Exchange plan is enabled for the user. A directory that does not tell plans forbids nothing."""
    return user.get("assignedPlans") is None or any(
        str(plan.get("service", "")).lower() == "exchange" and str(plan.get("capabilityStatus", "")).lower() in {"enabled", "warning"}
        for plan in user["assignedPlans"]
    )


def _shared(mailbox: Row | None) -> bool:
    return mailbox is not None and "shared" in str(mailbox.get("RecipientTypeDetails") or "").lower()
