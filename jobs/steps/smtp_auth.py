"""Step M2: authenticated SMTP for the mailbox that logs in, and Send As for a delegate.

The organization's switch is changed only if it seems to win over the mailbox's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta

from jobs.causes.cause import Cause
from jobs.channel.mailbox import mailbox_row
from jobs.clock import now
from jobs.clouds.errors import Forbidden
from jobs.clouds.json_values import lower_of
from jobs.engine.context import StepContext
from jobs.engine.step import Cmdlet, ExchangeStep, Step, shown
from jobs.microsoft.exchange import ExchangeRow
from jobs.model import Change, Finding, Reason, State, Text
from jobs.runs.run import RecordedChange

SETTLES_FOR = timedelta(hours=24)
"""Time after which a change of SMTP AUTH has reached every server (platforms/microsoft.md 2.1)."""
PROPERTY = "SmtpClientAuthenticationDisabled"
VALUE = "disabled"
"""Name of the recorded value, followed for another mailbox by ``:`` and its address."""
OFF, ON, NOT_SET = "true", "false", ""
"""Recorded values of a switch, which says whether SMTP AUTH is disabled."""
SEEN = {OFF: "key:seen.off", ON: "key:seen.on", NOT_SET: "key:seen.not_set"}


class SmtpAuth(ExchangeStep, row="smtp_auth"):
    """Step M2: SMTP AUTH is on for the mailbox, or not set there and on in the organization.

    The property has three states (microsoft.md 2.1). For a shared mailbox the delegate logs
    in, so the delegate's mailbox counts. A shared mailbox with a license is switched on as well,
    because its switch was seen to cause a refusal too (platforms/microsoft.md 2.6).
    """

    async def inspect(self, ctx: StepContext) -> Finding:
        """Read the switches; the organization's counts only if the mailbox's is not set."""
        own, everybody = await asyncio.gather(
            _switches(ctx, _mailboxes(ctx)), _organization(ctx), return_exceptions=True
        )
        if isinstance(own, BaseException):
            raise own
        if NOT_SET in own.values() and isinstance(everybody, BaseException):
            raise everybody
        found = replace(self._judged(ctx, own, everybody), values=_values(ctx, own))
        if found.state is State.OK and everybody == OFF and self._is_settled(ctx):
            found.facts["settled"] = "yes"
        return found

    def _is_settled(self, ctx: StepContext) -> bool:
        """Return whether the bot's own change is so old that it has reached every server."""
        runs = ctx.store.runs_of_mailbox(ctx.channel.mailbox)
        made = (run.changed[self.name].done for run in runs if self.name in run.changed)
        newest = max(filter(None, made), default=None)
        return newest is not None and now() - newest > SETTLES_FOR

    def _judged(self, ctx: StepContext, own: Mapping[str, str], everybody: object) -> Finding:
        on = {ON} if everybody != ON else {ON, NOT_SET}
        off = [name for name, switch in own.items() if switch not in on]
        mailbox = next(iter(off or own))
        inherits = own[mailbox] == NOT_SET
        if not off:
            return self.ok(_seen(ctx, mailbox, "smtp_inherits_on" if inherits else "smtp_on"))
        if inherits:
            seen, cause = "smtp_inherits_off", Cause.SMTP_AUTH_OFF_FOR_TENANT
        else:
            seen, cause = "smtp_off", Cause.SMTP_AUTH_OFF_FOR_MAILBOX
        return self.wrong(_seen(ctx, mailbox, seen), cause=cause)

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        """Plan Microsoft's recipe, which leaves the organization, once a delegate is known."""
        if ctx.fact("shared") and not ctx.fact("delegate"):
            return ()
        mailboxes = _mailboxes(ctx)
        after = Text("after.smtp_auth_shared", {"mailboxes": " and ".join(mailboxes)})
        if mailboxes == (ctx.channel.mailbox,):
            after = Text("seen.on")
        return (self.planned(finding, shown(self.cmdlets(ctx, finding)), after),)

    def cmdlets(self, ctx: StepContext, finding: Finding) -> list[Cmdlet]:
        was = finding.values
        off = (each for each in _mailboxes(ctx) if was.get(_value_name(ctx, each)) != ON)
        return [_switch(each, ON) for each in off]

    async def inspect_undo(self, ctx: StepContext, past: RecordedChange) -> Finding:
        own = await _switches(ctx, _before(ctx, past))
        seen, made = SEEN[next(iter(own.values()))], _values(ctx, dict.fromkeys(own, ON))
        return self.compare_with_recorded(past, _values(ctx, own), seen, made)

    def undo_cmdlets(self, ctx: StepContext, past: RecordedChange) -> list[Cmdlet]:
        """Return the cmdlets; "not set" is a value too and is restored as ``$null``."""
        return [_switch(*each) for each in _before(ctx, past).items()]


def _mailboxes(ctx: StepContext) -> tuple[str, ...]:
    delegate = ctx.fact("delegate").lower()
    if not ctx.fact("shared") or delegate in {"", ctx.channel.mailbox}:
        return (ctx.channel.mailbox,)
    return (delegate, ctx.channel.mailbox) if ctx.fact("shared_licensed") else (delegate,)


async def _switches(ctx: StepContext, mailboxes: Iterable[str]) -> dict[str, str]:
    names = tuple(mailboxes)
    rows = await asyncio.gather(*(mailbox_row(ctx, "Get-CASMailbox", each) for each in names))
    return dict(zip(names, map(_read, rows), strict=True))


def _switch(mailbox: str, switch: str) -> Cmdlet:
    value = {OFF: True, ON: False}.get(switch)
    return "Set-CASMailbox", {"Identity": mailbox, PROPERTY: value}


def _seen(ctx: StepContext, mailbox: str, key: str) -> Text:
    if mailbox == ctx.channel.mailbox:
        return Text(f"seen.{key}")
    return Text(f"seen.{key}_of", {"mailbox": mailbox})


async def _organization(ctx: StepContext) -> str:
    return _read((await ctx.exchange.run("Get-TransportConfig", {}))[0])


def _values(ctx: StepContext, own: Mapping[str, str]) -> dict[str, str]:
    return {_value_name(ctx, mailbox): switch for mailbox, switch in own.items()}


def _value_name(ctx: StepContext, mailbox: str) -> str:
    return VALUE if mailbox == ctx.channel.mailbox else f"{VALUE}:{mailbox}"


def _before(ctx: StepContext, past: RecordedChange) -> dict[str, str]:
    was = past.values_before.items()
    return {name.partition(":")[2] or ctx.channel.mailbox: switch for name, switch in was}


def _read(row: ExchangeRow) -> str:
    value = str(row.get(PROPERTY)).lower()
    return value if value in {OFF, ON} else NOT_SET


class SmtpAuthTenant(ExchangeStep, row="smtp_auth_tenant"):
    """Step M2: SMTP AUTH is on in the organization, if its switch seems to win over the mailbox's.

    Microsoft says that the mailbox's switch wins. Some tenants were seen to refuse its logins all
    the same (cisagov/ScubaGear issues 607 and 915). So this is planned only in a fix of that cause,
    and approved on its own, because it concerns every mailbox without a setting.
    """

    async def inspect(self, ctx: StepContext) -> Finding:
        """Read the switch in a check, and in a fix that is to change it."""
        fix = ctx.run.brief.fix
        wanted = fix is not None and self.name in fix.wrong
        if not wanted and not ctx.checks:
            return self.ok(Text("seen.smtp_auth_tenant_unneeded"))
        everybody = await _organization(ctx)
        if everybody == ON:
            return self.ok(Text("seen.on"))
        if not wanted:
            return self.skipped(Text("seen.smtp_auth_tenant_unneeded"))
        return self.wrong(Text("seen.off"), values={VALUE: everybody})

    def cmdlets(self, ctx: StepContext, finding: Finding) -> list[Cmdlet]:
        return [("Set-TransportConfig", {PROPERTY: False})]

    async def inspect_undo(self, ctx: StepContext, past: RecordedChange) -> Finding:
        everybody = await _organization(ctx)
        return self.compare_with_recorded(past, {VALUE: everybody}, SEEN[everybody], {VALUE: ON})

    def undo_cmdlets(self, ctx: StepContext, past: RecordedChange) -> list[Cmdlet]:
        return [("Set-TransportConfig", {PROPERTY: True})]


class SecurityDefaults(Step, row="security_defaults"):
    """Step M2: security defaults are off; on, they may make SMTP AUTH fail.

    The reports contradict each other (platforms/microsoft.md 2.1), so only a login decides. A plan
    shows it before anybody approves anything.
    """

    async def inspect(self, ctx: StepContext) -> Finding:
        try:
            on = await ctx.graph.security_defaults()
        except Forbidden:
            if ctx.checks:
                raise
            return self.skipped(Reason.NOT_BY_ITSELF)
        if on:
            seen = Text("seen.security_defaults")
            return self.possible(seen, cause=Cause.BLOCKED_BY_SECURITY_DEFAULTS)
        return self.ok(Text("seen.off"))


RIGHT = "SendAs"
OWN = "nt authority\\self"
"""Trustee of the permission that every mailbox has on itself."""


class SendAs(ExchangeStep, row="send_as"):
    """Step M2: the delegate may send as the mailbox; the user of any other mailbox needs no right.

    Without this right Exchange takes the login and refuses each mail with 5.2.252 or 5.7.60. Full
    Access is not needed (platforms/microsoft.md 2.6). The recorded values name the trustee of the
    right, so an undo takes the right from the very user who got it from a run.
    """

    async def inspect(self, ctx: StepContext) -> Finding:
        """Read the delegate's right; whether a group's is the delegate's, only an answer shows."""
        delegate = _delegate(ctx)
        if not delegate:
            if ctx.fact("shared") and not ctx.fact("delegate"):
                return self.skipped(Text("skipped.delegate_unknown"))
            return self.ok(Text("seen.send_as_own"))
        if await _has(ctx, delegate):
            return self.ok(Text("seen.send_as", {"user": delegate}), values={delegate: "yes"})
        cause, values = Cause.SEND_AS_MISSING, {delegate: ""}
        if ctx.checks:
            wanted = {"Identity": ctx.channel.mailbox}
            rows = await ctx.exchange.run("Get-RecipientPermission", wanted)
            if any(_allows(row) and lower_of(row, "Trustee") != OWN for row in rows):
                return self.possible(Text("seen.send_as_others"), cause=cause, values=values)
        return self.wrong(Reason.ABSENT, cause=cause, values=values)

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        delegate, command = _delegate(ctx), shown(self.cmdlets(ctx, finding))
        return (self.planned(finding, command, user=delegate),) if delegate else ()

    def cmdlets(self, ctx: StepContext, finding: Finding) -> list[Cmdlet]:
        return [_right(ctx, "Add", _delegate(ctx))]

    async def inspect_undo(self, ctx: StepContext, past: RecordedChange) -> Finding:
        values = {
            trustee: "yes" if await _has(ctx, trustee) else "" for trustee in past.values_before
        }
        seen = "key:seen.on" if any(values.values()) else "key:seen.none"
        return self.compare_with_recorded(past, values, seen, dict.fromkeys(values, "yes"))

    def undo_cmdlets(self, ctx: StepContext, past: RecordedChange) -> list[Cmdlet]:
        """Return a cmdlet for each trustee to whom a run has given the right, and no other."""
        added = (trustee for trustee, had in past.values_before.items() if not had)
        return [_right(ctx, "Remove", trustee) for trustee in added]

    async def undo(self, ctx: StepContext, past: RecordedChange) -> None:
        for write in self.undo_cmdlets(ctx, past):
            if await _has(ctx, str(write[1]["Trustee"])):
                await self.run(ctx, [write])


def _delegate(ctx: StepContext) -> str:
    own = ctx.fact("delegate_id").lower() == ctx.fact("user_id").lower()
    return "" if own else ctx.fact("delegate").lower()


async def _has(ctx: StepContext, trustee: str) -> bool:
    wanted = {"Identity": ctx.channel.mailbox, "Trustee": trustee}
    return any(map(_allows, await ctx.exchange.run("Get-RecipientPermission", wanted)))


def _allows(row: ExchangeRow) -> bool:
    rights = row.get("AccessRights")  # a list, or one text
    names = map(str, rights if isinstance(rights, list) else str(rights).split(","))
    has_right = RIGHT.lower() in {name.strip().lower() for name in names}
    return has_right and lower_of(row, "AccessControlType") in {"", "allow"}


def _right(ctx: StepContext, verb: str, trustee: str) -> Cmdlet:
    given = {"Trustee": trustee, "AccessRights": [RIGHT], "Confirm": False}
    return f"{verb}-RecipientPermission", {"Identity": ctx.channel.mailbox, **given}
