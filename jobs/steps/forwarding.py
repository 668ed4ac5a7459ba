"""Step M3: all incoming mail is forwarded to Webex Connect."""

from __future__ import annotations

from dataclasses import replace

from jobs.causes.cause import Cause
from jobs.channel.hand_made import is_by_hand
from jobs.channel.mailbox import mailbox_row
from jobs.channel.redirects import redirected_to, through
from jobs.clouds.errors import Forbidden, NotFound, Rejected
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.undoable import Undoable
from jobs.microsoft.exchange import ExchangeRow
from jobs.microsoft.powershell import quoted
from jobs.model import Change, Finding, Reason, Scope, Station, Text
from jobs.runs.run import RecordedChange


class Forwarding(Undoable):
    """Step M3: ``ForwardingSmtpAddress`` is the Forwarding Address, and nothing overrides it.

    Whether a copy stays in the mailbox is as requested. Source: platforms/microsoft.md 2.2.
    """

    name = "forwarding"
    article_row = "M3"
    group = "microsoft"
    needs = ("mailbox_user", "addresses")
    reads = ("View-Only Recipients",)
    writes = ("Mail Recipients",)
    diagnosis = Diagnosis(
        explains=frozenset({Cause.MAIL_NOT_DELIVERED}),
        warnings=frozenset({Cause.COPY_DIFFERS}),
        station=Station.FORWARD,
    )

    async def inspect(self, ctx: StepContext) -> Finding:
        smtp, internal, keeps = forwarding_of(await mailbox_row(ctx))
        by_hand = await self._by_hand(ctx, smtp, internal) if is_by_hand(ctx) else None
        return replace(
            by_hand or self._judged(ctx, smtp, internal, keeps=keeps),
            values=_values(smtp, internal, keeps=keeps),
        )

    async def _by_hand(self, ctx: StepContext, smtp: str, internal: str) -> Finding | None:
        """Judge a forwarding that a person may have chosen instead: a mail contact, or a rule.

        None means that the mailbox is judged like any other. An external address that is not known
        to be Webex Connect's may be right.
        """
        wanted = ctx.channel.forwarding_address.lower()
        if internal:
            return self._judged_detour(ctx, await through(ctx, internal), "seen.forwarding_contact")
        if smtp:
            seen = Text("seen.forwards_to", {"address": smtp})
            return None if wanted else self.possible(seen, cause=Cause.NOT_FORWARDED)
        try:
            found = await redirected_to(ctx)
        except (Forbidden, NotFound, Rejected):
            return self.possible(Reason.ABSENT, cause=Cause.NOT_FORWARDED)
        return self._judged_detour(ctx, found, "seen.forwarding_rule")

    def _judged_detour(self, ctx: StepContext, address: str, key: str) -> Finding | None:
        """Return that mail takes another way to the channel's address, or None."""
        right = address and ctx.channel.forwarding_address.lower() in {"", address}
        return self.ok(Text(key, {"address": address})) if right else None

    def _judged(self, ctx: StepContext, smtp: str, internal: str, *, keeps: bool) -> Finding:
        if internal:
            return self.wrong(_overridden(ctx, internal, smtp), cause=Cause.FORWARDING_ADDRESS_WINS)
        if not smtp or smtp != ctx.channel.forwarding_address.lower():
            return self.wrong(
                Text("seen.forwards_to", {"address": smtp}) if smtp else Reason.ABSENT,
                cause=Cause.NOT_FORWARDED,
            )
        if keeps is not ctx.channel.keep_copy:
            return self.wrong(
                Text("seen.keeps_copy" if keeps else "seen.keeps_none"), cause=Cause.COPY_DIFFERS
            )
        return self.ok(Text("seen.forwarding_keeps" if keeps else "seen.forwarding"))

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        """Plan all settings at once, since an internal address that stayed would silently win."""
        target, keep = ctx.channel.forwarding_address, ctx.channel.keep_copy
        after = Text("after.forwarding_keeps" if keep else "after.forwarding", {"address": target})
        forward = (
            f"-ForwardingAddress $null -ForwardingSmtpAddress {quoted(target)}"
            f" -DeliverToMailboxAndForward ${str(keep).lower()}"
        )
        command = f"Set-Mailbox {quoted(ctx.channel.mailbox)} {forward}"
        line = self.change(finding.seen or Text("seen.none"), after, Scope.MAILBOX, command)
        return (
            replace(
                line, overwrites=bool(finding.values.get("smtp") or finding.values.get("internal"))
            ),
        )

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        parameters = {
            "Identity": ctx.channel.mailbox,
            "ForwardingAddress": None,
            "ForwardingSmtpAddress": f"smtp:{ctx.channel.forwarding_address}",
            "DeliverToMailboxAndForward": ctx.channel.keep_copy,
        }
        await ctx.exchange.run("Set-Mailbox", parameters)

    async def inspect_undo(self, ctx: StepContext, past: RecordedChange) -> Finding:
        smtp, internal, keeps = forwarding_of(await mailbox_row(ctx))
        made = _values(ctx.channel.forwarding_address.lower(), "", keeps=ctx.channel.keep_copy)
        return self.compare_with_recorded(
            past, _values(smtp, internal, keeps=keeps), internal or smtp or "key:seen.none", made
        )

    def undo_command(self, ctx: StepContext, past: RecordedChange) -> str:
        smtp, internal = (
            quoted(past.values_before[name]) if past.values_before[name] else "$null"
            for name in ("smtp", "internal")
        )
        where = f"-ForwardingAddress {internal} -ForwardingSmtpAddress {smtp}"
        return (
            f"Set-Mailbox {quoted(ctx.channel.mailbox)} {where}"
            f" -DeliverToMailboxAndForward ${past.values_before['keeps']}"
        )

    async def undo(self, ctx: StepContext, past: RecordedChange) -> None:
        """Restore the earlier forwarding addresses and copy setting (microsoft.md 2.2)."""
        smtp, internal = past.values_before["smtp"], past.values_before["internal"]
        parameters = {
            "Identity": ctx.channel.mailbox,
            "ForwardingAddress": internal or None,
            "ForwardingSmtpAddress": f"smtp:{smtp}" if smtp else None,
            "DeliverToMailboxAndForward": past.values_before["keeps"] == "true",
        }
        await ctx.exchange.run("Set-Mailbox", parameters)


def _overridden(ctx: StepContext, internal: str, smtp: str) -> Text:
    """Return the internal address that wins, and a foreign external one."""
    if smtp in {"", ctx.channel.forwarding_address.lower()}:
        return Text("seen.forwarding_overridden", {"address": internal})
    return Text("seen.forwarding_overridden_two", {"address": internal, "external": smtp})


def _values(smtp: str, internal: str, *, keeps: bool) -> dict[str, str]:
    return {"smtp": smtp, "internal": internal, "keeps": str(keeps).lower()}


def forwarding_of(mailbox: ExchangeRow) -> tuple[str, str, bool]:
    """Return both forwarding addresses, without ``smtp:`` or empty, and whether a copy stays."""
    smtp = str(mailbox.get("ForwardingSmtpAddress") or "").lower().removeprefix("smtp:")
    return (
        smtp,
        str(mailbox.get("ForwardingAddress") or ""),
        str(mailbox.get("DeliverToMailboxAndForward")).lower() == "true",
    )
