"""M3: everything that arrives is forwarded to Webex Connect."""

from __future__ import annotations

from jobs.microsoft.exchange import Row
from jobs.model import Change, Finding, Scope, Station, Words
from jobs.step import Context, Step


class Forwarding(Step):
    """``ForwardingSmtpAddress`` is the Forwarding Address, nothing overrides it, and the copy is as asked (facts/microsoft.md 2.2)."""

    name = "forwarding"
    row = "M3"
    group = "microsoft"
    checked = True
    station = Station.FORWARD
    needs = ("mailbox_user", "addresses")
    reads = ("View-Only Recipients",)
    writes = ("Mail Recipients",)

    async def inspect(self, ctx: Context) -> Finding:
        """Read the three values that belong together."""
        rows = await ctx.exchange.run("Get-Mailbox", {"Identity": ctx.channel.mailbox})
        mailbox = rows[0] if rows else Row({})
        smtp, internal, keeps = forwarding_of(mailbox)
        facts = {"was_smtp": smtp, "was_internal": internal, "was_keeps": str(keeps).lower()}
        if internal:
            return self.wrong(Words("seen.forwarding_overridden", {"address": internal}), cause="forwarding_address_wins", **facts)
        if smtp != ctx.channel.forwarding_address.lower():
            return self.wrong(Words("seen.forwards_to", {"address": smtp}) if smtp else Words("seen.none"), cause="not_forwarded", **facts)
        if keeps is not ctx.channel.keep_copy:
            return self.wrong(Words("seen.keeps_copy" if keeps else "seen.keeps_none"), cause="copy_differs", **facts)
        return self.ok(Words("seen.forwarding_keeps" if keeps else "seen.forwarding"))

    def plan(self, ctx: Context, finding: Finding) -> tuple[Change, ...]:
        """All three values at once: an internal forwarding address would silently win."""
        target, keep = ctx.channel.forwarding_address, ctx.channel.keep_copy
        after = Words("after.forwarding_keeps" if keep else "after.forwarding", {"address": target})
        command = f"Set-Mailbox {ctx.channel.mailbox} -ForwardingAddress $null -ForwardingSmtpAddress {target} -DeliverToMailboxAndForward ${keep}"
        return (
            self.change(
                finding.seen or Words("seen.none"), after, Scope.MAILBOX, command.replace("$True", "$true").replace("$False", "$false")
            ),
        )

    async def apply(self, ctx: Context, finding: Finding) -> None:
        """Idempotent."""
        parameters = {
            "Identity": ctx.channel.mailbox,
            "ForwardingAddress": None,
            "ForwardingSmtpAddress": f"smtp:{ctx.channel.forwarding_address}",
            "DeliverToMailboxAndForward": ctx.channel.keep_copy,
        }
        await ctx.exchange.run("Set-Mailbox", parameters)


def forwarding_of(mailbox: Row) -> tuple[str, str, bool]:
    """The external address in lower case without ``smtp:``, the internal one, and whether a copy stays."""
    smtp = str(mailbox.get("ForwardingSmtpAddress") or "").lower().removeprefix("smtp:")
    return smtp, str(mailbox.get("ForwardingAddress") or ""), str(mailbox.get("DeliverToMailboxAndForward")).lower() == "true"
