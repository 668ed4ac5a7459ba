"""M2: authenticated SMTP for the one mailbox. The organization's switch is only read."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from jobs.channel.mailbox import mailbox_row
from jobs.clouds.cause_codes import causes
from jobs.clouds.errors import CloudError
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.undoable import Undoable
from jobs.microsoft.exchange import ExchangeRow
from jobs.microsoft.powershell import quoted
from jobs.model import Change, Finding, Scope, Text
from jobs.runs.run import RecordedChange

PROPERTY = "SmtpClientAuthenticationDisabled"


class SmtpAuth(Undoable):
    """On for the mailbox, or not set there and on in the organization.

    The property has three states (facts/microsoft.md 2.1).
    """

    name = "smtp_auth"
    article_row = "M2"
    group = "microsoft"
    carries_answers = True
    needs = ("mailbox_user",)
    reads = ("View-Only Recipients", "View-Only Configuration")
    writes = ("Mail Recipients",)
    diagnosis = Diagnosis(
        explains=causes(
            "smtp_auth_off_for_mailbox",
            "smtp_auth_off_for_tenant",
            "smtp_token_refused",
            "smtp_login_blocked",
        ),
        settling=dict.fromkeys(
            ("smtp_auth_off_for_mailbox", "smtp_auth_off_for_tenant"), "smtp_auth_settling"
        ),
    )

    async def inspect(self, ctx: StepContext) -> Finding:
        """Read both switches. The organization's counts only if the mailbox's own is not set."""
        mailbox, everybody = await asyncio.gather(
            mailbox_row(ctx, "Get-CASMailbox"), _organization(ctx)
        )
        own = _off([mailbox])
        if own is None and isinstance(everybody, CloudError):
            raise everybody
        return replace(
            self._judged(own=own, everybody_on=everybody is False), values=_values(off=own)
        )

    def _judged(self, *, own: bool | None, everybody_on: bool) -> Finding:
        if own is False:
            return self.ok(Text("seen.smtp_on"))
        if own is None and everybody_on:
            return self.ok(Text("seen.smtp_inherits_on"))
        key = "seen.smtp_off" if own else "seen.smtp_inherits_off"
        return self.wrong(
            Text(key), cause="smtp_auth_off_for_mailbox" if own else "smtp_auth_off_for_tenant"
        )

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        """Plan Microsoft's own recipe: leave the organization as it is and enable the one mailbox."""
        command = f"Set-CASMailbox {quoted(ctx.channel.mailbox)} -{PROPERTY} $false"
        return (
            self.change(finding.seen or Text("seen.off"), Text("seen.on"), Scope.MAILBOX, command),
        )

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        """Set one property of one mailbox."""
        await ctx.exchange.run("Set-CASMailbox", {"Identity": ctx.channel.mailbox, PROPERTY: False})

    async def inspect_undo(self, ctx: StepContext, past: RecordedChange) -> Finding:
        """Read the mailbox's own switch. The organization's was never changed."""
        own = _off([await mailbox_row(ctx, "Get-CASMailbox")])
        seen = {True: "key:seen.off", False: "key:seen.on", None: "key:seen.not_set"}[own]
        return self.compare_with_recorded(past, _values(off=own), seen, _values(off=False))

    def undo_command(self, ctx: StepContext, past: RecordedChange) -> str:
        """Return the command. "Not set" is a value too and is restored as ``$null``."""
        return (
            f"Set-CASMailbox {quoted(ctx.channel.mailbox)}"
            f" -{PROPERTY} ${past.values_before['disabled'] or 'null'}"
        )

    async def undo(self, ctx: StepContext, past: RecordedChange) -> None:
        """Restore the property's earlier value."""
        was = {"true": True, "false": False}.get(past.values_before["disabled"])
        await ctx.exchange.run("Set-CASMailbox", {"Identity": ctx.channel.mailbox, PROPERTY: was})


async def _organization(ctx: StepContext) -> bool | CloudError | None:
    """Return the organization's switch, or the error that prevented reading it.

    True is off, None is not set.
    """
    try:
        return _off(await ctx.exchange.run("Get-TransportConfig", {}))
    except CloudError as error:
        return error


def _values(*, off: bool | None) -> dict[str, str]:
    return {"disabled": "" if off is None else str(off).lower()}


def _off(rows: list[ExchangeRow]) -> bool | None:
    value = str(rows[0].get(PROPERTY)).lower() if rows else ""
    return {"true": True, "false": False}.get(value)
