"""Step M2: authenticated SMTP for the mailbox that logs in.

The organization's switch is only read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace

from jobs.causes.cause import Cause
from jobs.channel.mailbox import mailbox_row
from jobs.clouds.errors import CloudError
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.undoable import Undoable
from jobs.microsoft.exchange import ExchangeRow
from jobs.microsoft.powershell import quoted
from jobs.model import Change, Finding, Scope, Text
from jobs.runs.run import RecordedChange

PROPERTY = "SmtpClientAuthenticationDisabled"
VALUE = "disabled"
"""Name of the recorded value, followed for another mailbox by ``:`` and its address."""
_BY_TEXT = {"true": True, "false": False}


Switches = Mapping[str, bool | None]
"""SMTP AUTH switch of each mailbox by its address. True means off, and None means not set."""


class SmtpAuth(Undoable):
    """Step M2: SMTP AUTH is on for the mailbox, or not set there and on in the organization.

    The property has three states (microsoft.md 2.1). For a shared mailbox the delegate logs
    in, so the delegate's mailbox counts. A shared mailbox with a license is switched on as well,
    because its switch was seen to cause a refusal too (platforms/microsoft.md 2.6).
    """

    name = "smtp_auth"
    article_row = "M2"
    group = "microsoft"
    carries_answers = True
    needs = ("mailbox_user", "delegate")
    reads = ("View-Only Recipients", "View-Only Configuration")
    writes = ("Mail Recipients",)
    diagnosis = Diagnosis(
        explains=frozenset(
            {
                Cause.SMTP_AUTH_OFF_FOR_MAILBOX,
                Cause.SMTP_AUTH_OFF_FOR_TENANT,
                Cause.SMTP_TOKEN_REFUSED,
                Cause.SMTP_LOGIN_BLOCKED,
            }
        ),
        settling=dict.fromkeys(
            (Cause.SMTP_AUTH_OFF_FOR_MAILBOX, Cause.SMTP_AUTH_OFF_FOR_TENANT),
            Cause.SMTP_AUTH_SETTLING,
        ),
    )

    async def inspect(self, ctx: StepContext) -> Finding:
        """Read the switches; the organization's counts only if the mailbox's is not set."""
        own, everybody = await asyncio.gather(_switches(ctx, _mailboxes(ctx)), _organization(ctx))
        if None in own.values() and isinstance(everybody, CloudError):
            raise everybody
        return replace(self._judged(ctx, own, everybody is False), values=_values(ctx, own))

    def _judged(self, ctx: StepContext, own: Switches, everybody_on: bool) -> Finding:  # noqa: FBT001  as read
        off = [
            name for name, is_off in own.items() if is_off or (is_off is None and not everybody_on)
        ]
        mailbox = next(iter(off or own))
        if not off:
            return self.ok(
                _seen(ctx, mailbox, "smtp_inherits_on" if own[mailbox] is None else "smtp_on")
            )
        if own[mailbox]:
            return self.wrong(
                _seen(ctx, mailbox, "smtp_off"), cause=Cause.SMTP_AUTH_OFF_FOR_MAILBOX
            )
        return self.wrong(
            _seen(ctx, mailbox, "smtp_inherits_off"), cause=Cause.SMTP_AUTH_OFF_FOR_TENANT
        )

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        """Plan Microsoft's own recipe: leave the organization as it is and enable the mailbox.

        Nothing is planned before the delegate of a shared mailbox is known.
        """
        if ctx.fact("shared") and not ctx.fact("delegate"):
            return ()
        mailboxes = _mailboxes(ctx)
        command = "\n".join(_command(each, "false") for each in mailboxes)
        before, after = finding.seen or Text("seen.off"), _on_for(ctx, mailboxes)
        return (self.change(before, after, Scope.MAILBOX, command),)

    async def apply(self, ctx: StepContext, finding: Finding) -> None:
        was = finding.values
        off = [each for each in _mailboxes(ctx) if was.get(_value_name(ctx, each)) != "false"]
        await _set(ctx, dict.fromkeys(off, False))

    async def inspect_undo(self, ctx: StepContext, past: RecordedChange) -> Finding:
        own = await _switches(ctx, _before(ctx, past))
        seen = {True: "key:seen.off", False: "key:seen.on", None: "key:seen.not_set"}
        first = next(iter(own.values()))
        made = _values(ctx, dict.fromkeys(own, False))
        return self.compare_with_recorded(past, _values(ctx, own), seen[first], made)

    def undo_command(self, ctx: StepContext, past: RecordedChange) -> str:
        """Return the commands; "not set" is a value too and is restored as ``$null``."""
        was = _before(ctx, past)
        return "\n".join(_command(each, _text(off) or "null") for each, off in was.items())

    async def undo(self, ctx: StepContext, past: RecordedChange) -> None:
        await _set(ctx, _before(ctx, past))


def _mailboxes(ctx: StepContext) -> tuple[str, ...]:
    delegate = ctx.fact("delegate").lower()
    if not ctx.fact("shared") or delegate in {"", ctx.channel.mailbox}:
        return (ctx.channel.mailbox,)
    return (delegate, ctx.channel.mailbox) if ctx.fact("shared_licensed") else (delegate,)


async def _switches(ctx: StepContext, mailboxes: Iterable[str]) -> dict[str, bool | None]:
    """Return each mailbox's own SMTP AUTH switch.

    Raises:
        NotFound: when a mailbox does not exist.
        CloudError: when Exchange cannot be asked.
    """
    names = tuple(mailboxes)
    rows = await asyncio.gather(*(mailbox_row(ctx, "Get-CASMailbox", each) for each in names))
    return {name: _off(row) for name, row in zip(names, rows, strict=True)}


async def _set(ctx: StepContext, switches: Switches) -> None:
    for mailbox, off in switches.items():
        await ctx.exchange.run("Set-CASMailbox", {"Identity": mailbox, PROPERTY: off})


def _seen(ctx: StepContext, mailbox: str, key: str) -> Text:
    """Return the text for a mailbox, which is named if it is not the channel's."""
    if mailbox == ctx.channel.mailbox:
        return Text(f"seen.{key}")
    return Text(f"seen.{key}_of", {"mailbox": mailbox})


def _on_for(ctx: StepContext, mailboxes: tuple[str, ...]) -> Text:
    """Return the switches' text; a mailbox that is not the channel's is named."""
    if mailboxes == (ctx.channel.mailbox,):
        return Text("seen.on")
    return Text("after.smtp_auth_shared", {"mailboxes": " and ".join(mailboxes)})


def _command(mailbox: str, off: str) -> str:
    return f"Set-CASMailbox {quoted(mailbox)} -{PROPERTY} ${off}"


async def _organization(ctx: StepContext) -> bool | CloudError | None:
    """Return the organization's switch (True is off, None not set), or the error."""
    try:
        return _off((await ctx.exchange.run("Get-TransportConfig", {}))[0])
    except CloudError as error:
        return error


def _values(ctx: StepContext, own: Switches) -> dict[str, str]:
    """Return the switches for the record, with another mailbox in the name."""
    return {_value_name(ctx, mailbox): _text(off) for mailbox, off in own.items()}


def _value_name(ctx: StepContext, mailbox: str) -> str:
    return VALUE if mailbox == ctx.channel.mailbox else f"{VALUE}:{mailbox}"


def _before(ctx: StepContext, past: RecordedChange) -> dict[str, bool | None]:
    return {
        name.partition(":")[2] or ctx.channel.mailbox: _BY_TEXT.get(value)
        for name, value in past.values_before.items()
    }


def _text(off: bool | None) -> str:  # noqa: FBT001  a value, not a choice
    return "" if off is None else str(off).lower()


def _off(row: ExchangeRow) -> bool | None:
    return _BY_TEXT.get(str(row.get(PROPERTY)).lower())
