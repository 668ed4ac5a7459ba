"""Step M3: all incoming mail is forwarded to Webex Connect."""

from __future__ import annotations

from dataclasses import replace

from jobs.causes.cause import Cause
from jobs.channel.mailbox import mailbox_row, redirected_to, through
from jobs.clouds.errors import Forbidden, NotFound, Rejected
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.undo import Undoable
from jobs.microsoft.exchange import ExchangeRow, quoted
from jobs.model import Change, Finding, Reason, Scope, Station, Text
from jobs.runs.run import RecordedChange


class Forwarding(Undoable):
    """Step M3: ``ForwardingSmtpAddress`` is the Forwarding Address, and nothing overrides it.

    Whether a copy stays in the mailbox is as requested. Source: facts/microsoft.md 2.2.
    """

    name = "forwarding"
    article_row = "M3"
    group = "microsoft"
    needs = ("mailbox_user", "addresses")
    reads = ("View-Only Recipients",)
    writes = ("Mail Recipients",)
    diagnosis = Diagnosis(
        explains={Cause.MAIL_NOT_DELIVERED},
        warnings=frozenset({Cause.COPY_DIFFERS}),
        station=Station.FORWARD,
    )

    async def inspect(self, ctx: StepContext) -> Finding:
        smtp, internal, keeps = forwarding_of(await mailbox_row(ctx))
        by_hand = await self._by_hand(ctx, smtp, internal) if ctx.by_hand else None
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
        wanted = ctx.channel.forwarding_address.lower()
        if internal:  # it wins, and a foreign external address is named as well
            seen = Text("seen.forwarding_overridden", {"address": internal})
            if smtp not in {"", wanted}:
                two = {"address": internal, "external": smtp}
                seen = Text("seen.forwarding_overridden_two", two)
            return self.wrong(seen, cause=Cause.FORWARDING_ADDRESS_WINS)
        if not smtp or smtp != wanted:
            elsewhere = Text("seen.forwards_to", {"address": smtp}) if smtp else Reason.ABSENT
            return self.wrong(elsewhere, cause=Cause.NOT_FORWARDED)
        if keeps is not ctx.channel.keep_copy:
            seen = Text("seen.keeps_copy" if keeps else "seen.keeps_none")
            return self.wrong(seen, cause=Cause.COPY_DIFFERS)
        return self.ok(Text("seen.forwarding_keeps" if keeps else "seen.forwarding"))

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        """Plan all settings at once, since an internal address that stayed would silently win."""
        target, keep = ctx.channel.forwarding_address, ctx.channel.keep_copy
        after = Text("after.forwarding_keeps" if keep else "after.forwarding", {"address": target})
        command = _command(ctx, _values(target, "", keeps=keep))
        line = self.change(finding.seen or Text("seen.none"), after, Scope.MAILBOX, command)
        overwrites = bool(finding.values.get("smtp") or finding.values.get("internal"))
        return (replace(line, overwrites=overwrites),)

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        await _set(ctx, ctx.channel.forwarding_address, "", keeps=ctx.channel.keep_copy)

    async def inspect_undo(self, ctx: StepContext, past: RecordedChange) -> Finding:
        smtp, internal, keeps = forwarding_of(await mailbox_row(ctx))
        made = _values(ctx.channel.forwarding_address.lower(), "", keeps=ctx.channel.keep_copy)
        return self.compare_with_recorded(
            past, _values(smtp, internal, keeps=keeps), internal or smtp or "key:seen.none", made
        )

    def undo_command(self, ctx: StepContext, past: RecordedChange) -> str:
        return _command(ctx, past.values_before)

    async def undo(self, ctx: StepContext, past: RecordedChange) -> None:
        was = past.values_before
        await _set(ctx, was["smtp"], was["internal"], keeps=was["keeps"] == "true")


async def _set(ctx: StepContext, smtp: str, internal: str, *, keeps: bool) -> None:
    parameters = {
        "Identity": ctx.channel.mailbox,
        "ForwardingAddress": internal or None,
        "ForwardingSmtpAddress": f"smtp:{smtp}" if smtp else None,
        "DeliverToMailboxAndForward": keeps,
    }
    await ctx.exchange.run("Set-Mailbox", parameters)


def _command(ctx: StepContext, values: dict[str, str]) -> str:
    smtp, internal = (
        quoted(values[name]) if values[name] else "$null" for name in ("smtp", "internal")
    )
    return (
        f"Set-Mailbox {quoted(ctx.channel.mailbox)} -ForwardingAddress {internal}"
        f" -ForwardingSmtpAddress {smtp} -DeliverToMailboxAndForward ${values['keeps']}"
    )


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
