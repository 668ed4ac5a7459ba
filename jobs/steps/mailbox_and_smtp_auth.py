"""Steps M1 and M2: the mailbox's tenant and user, who signs in, Send As, and what allows SMTP AUTH.

The organization's switch of SMTP AUTH is changed only if it seems to win over the mailbox's.
"""

import asyncio
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta

from jobs.causes.cause import Cause
from jobs.channel.mailbox import delegate_of, is_shared, logins_of_others, mailbox_row
from jobs.clock import now
from jobs.clouds.errors import CloudError, NotFound, if_answered, unless_refused
from jobs.clouds.json_values import Json, lower_of, text_of
from jobs.engine.findings import finding_in_check
from jobs.engine.step import Cmdlet, ExchangeStep, Step, StepContext, shown
from jobs.mail.message_trace import LARGEST
from jobs.microsoft.exchange import ExchangeRow
from jobs.microsoft.graph import promised
from jobs.model import Change, Finding, Reason, RunKind, Signals, State, Station, Text, Turn
from jobs.runs.run import RecordedChange, Run

ELSEWHERE = frozenset({"mailuser", "remoteusermailbox", "remotesharedmailbox"})
"""Types of recipients whose mailbox is not in this Exchange Online, as before a migration."""
_BYTES = re.compile(r"\(([\d,]+) bytes\)")


class Tenant(Step, row="tenant"):
    """Step M1: the mailbox's domain is verified in the tenant of the signed-in account."""

    async def inspect(self, ctx: StepContext) -> Finding:
        """Compare the verified domains; if they are hidden, ``mailbox_user`` decides."""
        account = ctx.run.account
        signed_in = account.upn if account else "key:seen.the_bot"
        values = {"domain": ctx.channel.domain, "account": signed_in}
        domains = await unless_refused(ctx.graph.verified_domains())
        if not domains:
            return self.ok(Text("seen.tenant_unread", values))
        if ctx.channel.domain not in domains:
            return self.wrong(Text("seen.other_tenant", values), cause=Cause.WRONG_TENANT)
        return self.ok(Text("seen.tenant", values))


class MailboxUser(Step, row="mailbox_user"):
    """Step M1: the user has a mailbox, an Exchange license and sign-in (microsoft.md 2.1).

    The fact ``shared`` is ``yes`` if another user signs in for the mailbox, ``blocked`` if its own
    account may not sign in either, and ``unknown`` if it may be shared. ``shared_licensed`` is set
    if a shared mailbox has a license, without which it has no SMTP (platforms/microsoft.md 2.6).
    """

    limits: Mapping[str, tuple[str, ...]]
    """Properties of Get-Mailbox that stop mail if they are set, by the cause."""

    async def inspect(self, ctx: StepContext) -> Finding:
        address = ctx.channel.mailbox
        user, mailbox = await asyncio.gather(ctx.graph.user(address), self._mailbox(ctx))
        if not user and isinstance(mailbox, ExchangeRow):
            user = await self._owner(ctx, mailbox)
        if user is None:
            return await self._gone(ctx, self.wrong(Text("seen.nobody", {"mailbox": address})))
        upn = text_of(user, "userPrincipalName") or address
        facts = {"user_id": promised(user, "id"), "upn": upn}
        if isinstance(mailbox, CloudError):
            return self._by_the_directory(ctx, user, mailbox, facts)
        found = self._judged(ctx, user, mailbox, facts)
        if found.cause == Cause.MAILBOX_NOT_FOUND:
            return await self._gone(ctx, found)
        if mailbox is None or found.state is not State.OK:
            return found
        for cause, seen in _warnings(mailbox, address):
            return replace(found, state=State.WARNING, cause=cause, seen=seen)
        return found

    def _judged(
        self, ctx: StepContext, user: Json, mailbox: ExchangeRow | None, facts: dict[str, str]
    ) -> Finding:
        upn = facts["upn"]
        own = upn.lower() == ctx.channel.mailbox
        good = Text("seen.mailbox" if own else "seen.mailbox_other_upn", {"upn": upn})
        if mailbox is not None and is_shared(mailbox):
            # it needs no license, and its own account is blocked as a rule
            facts |= {"shared_licensed": "yes"} if licensed(user) else {}
            if not sign_in_blocked(user):
                return self.ok(good, facts={**facts, "shared": "yes"})
            seen = Text("seen.shared_blocked", {"upn": upn})
            facts |= {"shared": "blocked"}
            return self.possible(seen, cause=Cause.ACCOUNT_DISABLED, facts=facts)
        if mailbox is None and not ctx.checks:
            facts = {}  # so that a plan shows nothing of later steps
        if mailbox is None and licensed(user):
            seen = Text("seen.no_mailbox", {"upn": upn})
            return self.wrong(seen, cause=Cause.MAILBOX_NOT_FOUND, facts=facts)
        return replace(_unusable(self, user, upn) or self.ok(good), facts=facts)

    def _by_the_directory(
        self, ctx: StepContext, user: Json, error: CloudError, facts: dict[str, str]
    ) -> Finding:
        """Judge by the directory alone if Exchange does not show this caller the mailbox."""
        if sign_in_blocked(user) or not licensed(user):  # true for the account of a shared mailbox
            facts |= {"shared": "unknown"}
        if sign_in_blocked(user):
            seen = Text("seen.disabled", {"upn": facts["upn"]})
            return self.possible(seen, cause=Cause.ACCOUNT_DISABLED, facts=facts)
        # the bot has no role in Exchange, which says nothing about the channel
        return replace(finding_in_check(self, error, ctx.run, ctx.access), facts=facts)

    async def _mailbox(self, ctx: StepContext) -> ExchangeRow | CloudError | None:
        try:
            return await mailbox_row(ctx)
        except NotFound:
            return None
        except CloudError as error:
            if not ctx.checks:
                raise
            return error

    async def _owner(self, ctx: StepContext, mailbox: ExchangeRow) -> Json | None:
        """Return the mailbox's owner by Exchange: the directory may not know every address."""
        for field in ("UserPrincipalName", "ExternalDirectoryObjectId"):
            name = text_of(mailbox, field)
            known = name.lower() not in {"", ctx.channel.mailbox}
            if known and (owner := await ctx.graph.user(name)):
                return owner
        return None

    async def _gone(self, ctx: StepContext, found: Finding) -> Finding:
        mailbox = {"Identity": ctx.channel.mailbox}
        recipient = await _first(ctx, "Get-Recipient", mailbox)
        kind = lower_of(recipient, "RecipientTypeDetails")
        named, cause, seen = {"mailbox": ctx.channel.mailbox}, Cause.MAILBOX_NOT_FOUND, found.seen
        if "group" in kind or kind in {"publicfolder", "mailcontact"}:
            named["kind"] = text_of(recipient, "RecipientTypeDetails")
            seen = Text("seen.recipient_type", named)
        elif kind in ELSEWHERE:
            cause, seen = Cause.MAILBOX_ON_PREMISES, Text("seen.on_premises", named)
        elif await _first(ctx, "Get-Mailbox", mailbox | {"SoftDeletedMailbox": True}):
            cause, seen = Cause.MAILBOX_SOFT_DELETED, Text("seen.soft_deleted", named)
        return replace(found, cause=cause, seen=seen)


async def _first(ctx: StepContext, cmdlet: str, parameters: Json) -> ExchangeRow | None:
    rows = await if_answered(ctx.exchange.run(cmdlet, parameters))
    return rows[0] if rows else None


def _warnings(mailbox: ExchangeRow, address: str) -> Iterator[tuple[Cause, Text]]:
    """Yield the mailbox's settings that may stop mail, the worst first (Set-Mailbox).

    An onmicrosoft.com address may write to 100 recipients a day (platforms/microsoft.md 2.7).
    """
    for cause, names in MailboxUser.limits.items():
        if any(lower_of(mailbox, name) not in {"", "false", "[]"} for name in names):
            yield Cause(cause), Text(f"seen.{cause}")
    size = text_of(mailbox, "MaxReceiveSize")
    if (most := _BYTES.search(size)) and int(most[1].replace(",", "")) < LARGEST:
        words = Text("seen.mailbox_size_limited", {"size": size.partition(" (")[0]})
        yield Cause.MAILBOX_SIZE_LIMITED, words
    if lower_of(mailbox, "IsDirSynced") == "true" and mailbox.get("ForwardingAddress"):
        yield Cause.MAILBOX_SYNCED, Text("seen.mailbox_synced")
    sender = lower_of(mailbox, "PrimarySmtpAddress") or address
    if sender.endswith(".onmicrosoft.com"):
        yield Cause.SENDS_AS_ONMICROSOFT, Text("seen.onmicrosoft", {"address": sender})


def _unusable(step: Step, user: Json, upn: str) -> Finding | None:
    """Return why the user cannot sign in by SMTP, with which answers leave, or None."""
    if sign_in_blocked(user):
        found = step.wrong(Text("seen.disabled", {"upn": upn}), cause=Cause.ACCOUNT_DISABLED)
        return replace(found, signals=Signals(station=Station.ANSWER))
    if licensed(user):
        return None
    return step.wrong(Text("seen.no_licence", {"upn": upn}), cause=Cause.LICENCE_MISSING)


def sign_in_blocked(user: Json) -> bool:
    return user.get("accountEnabled") is False


def licensed(user: Json) -> bool:
    """Return whether an Exchange plan is enabled; True if the directory shows none."""
    in_force, plans = {"enabled", "warning"}, user.get("assignedPlans")
    mail = (plan for plan in plans or () if lower_of(plan, "service") == "exchange")
    return plans is None or any(lower_of(plan, "capabilityStatus") in in_force for plan in mail)


ASKED = frozenset({Cause.DELEGATE_UNKNOWN, Cause.DELEGATE_NOT_FOUND})
"""Causes that end when a person types the delegate's address."""
UNUSABLE = frozenset({Cause.ACCOUNT_DISABLED, Cause.LICENCE_MISSING})
"""Causes for which a person may name another delegate, as long as nothing is set up for this one."""


class Delegate(Step, row="delegate"):
    """Step M1: the delegate is a user who may sign in and has a license, and with it SMTP.

    The SMTP server accepts only the token's own user as the user name, so the mailbox's rights,
    SMTP AUTH and grants that count are this user's (platforms/microsoft.md 2.6). The facts are
    ``delegate``, the user's UPN, and ``delegate_id``.
    """

    async def inspect(self, ctx: StepContext) -> Finding:
        """Find the delegate of a shared mailbox; any other mailbox's own user signs in."""
        if not ctx.fact("shared"):
            return self.ok(Text("seen.delegate_not_needed"))
        name = delegate_of(ctx.run)
        if not name and ctx.checks:  # which asks nobody, and by a fact reads what needs this
            why, facts = Text("skipped.delegate_unknown"), {"delegate_named": "no"}
            return self.skipped(why, facts=facts)
        if not name:
            return self._asked(ctx, Text("seen.delegate_unknown"), Cause.DELEGATE_UNKNOWN)
        user = await ctx.graph.user(name)
        if user is None:
            nobody = Text("seen.nobody", {"mailbox": name})
            return self._asked(ctx, nobody, Cause.DELEGATE_NOT_FOUND)
        upn = text_of(user, "userPrincipalName") or name
        facts = {"delegate": upn, "delegate_id": promised(user, "id")}
        seen = Text("seen.delegate", {"user": upn, "mailbox": ctx.channel.mailbox})
        return replace(_unusable(self, user, upn) or self.ok(seen), facts=facts)

    def _asked(self, ctx: StepContext, seen: Text, cause: str) -> Finding:
        """Block a plan, or let a run that has begun wait for the requester, whom a card asks."""
        if ctx.looking or ctx.checks:
            return self.wrong(seen, cause=cause)
        return self.waits_for(Turn.REQUESTER, seen, cause=cause)


def needs_delegate(run: Run) -> bool:
    """Return whether the run needs the address of the user who signs in for a shared mailbox."""
    found = run.findings.get(Delegate.name)
    open_states, causes = {State.WRONG, State.WAITING}, ASKED
    if run.kind is RunKind.SETUP and not run.has_begun:
        causes |= UNUSABLE
    return found is not None and found.state in open_states and found.cause in causes


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
            _switches(ctx, _names(ctx)), _organization(ctx), return_exceptions=True
        )
        if isinstance(own, BaseException):
            raise own
        if NOT_SET in own.values() and isinstance(everybody, BaseException):
            raise everybody
        found = replace(self._judged(ctx, own, everybody), values=own)
        if found.state is State.OK and everybody == OFF:
            runs = ctx.store.runs_of_mailbox(ctx.channel.mailbox)
            made = (run.changed[self.name].done for run in runs if self.name in run.changed)
            newest = max(filter(None, made), default=None)
            if newest is not None and now() - newest > SETTLES_FOR:
                found.facts["settled"] = "yes"  # the bot's own change has reached every server
        return found

    def _judged(self, ctx: StepContext, own: Mapping[str, str], everybody: object) -> Finding:
        on = {ON} if everybody != ON else {ON, NOT_SET}
        off = [name for name, switch in own.items() if switch not in on]
        first = next(iter(off or own))
        inherits, of_others = own[first] == NOT_SET, first != VALUE
        key = f"seen.smtp_{'inherits_' if inherits else ''}{'off' if off else 'on'}"
        seen = Text(f"{key}_of", {"mailbox": _address(ctx, first)}) if of_others else Text(key)
        cause = Cause.SMTP_AUTH_OFF_FOR_TENANT if inherits else Cause.SMTP_AUTH_OFF_FOR_MAILBOX
        return self.wrong(seen, cause=cause) if off else self.ok(seen)

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        """Plan Microsoft's recipe, which leaves the organization, once a delegate is known."""
        if ctx.fact("shared") and not ctx.fact("delegate"):
            return ()
        names, after = _names(ctx), Text("seen.on")
        if names != (VALUE,):
            mailboxes = " and ".join(_address(ctx, name) for name in names)
            after = Text("after.smtp_auth_shared", {"mailboxes": mailboxes})
        return (self.planned(finding, shown(self.cmdlets(ctx, finding)), after),)

    def cmdlets(self, ctx: StepContext, finding: Finding) -> list[Cmdlet]:
        off = (name for name in _names(ctx) if finding.values.get(name) != ON)
        return [_switch(ctx, name, ON) for name in off]

    async def inspect_undo(self, ctx: StepContext, past: RecordedChange) -> Finding:
        own = await _switches(ctx, past.values_before)
        seen = SEEN[next(iter(own.values()))]
        found = self.compare_with_recorded(past, own, seen, dict.fromkeys(own, ON))
        # the name of the mailbox's own user may be another address
        logins, user_ids = logins_of_others(ctx), {VALUE: ctx.fact("user_id").lower()}
        known = {_address(ctx, name): user_ids.get(name, "") for name in own}
        used = [address for address, user_id in known.items() if logins & {address, user_id}]
        if used and found.state is State.WRONG:  # the answers of that channel would stop
            return self.left_alone(Text("seen.undo_login_in_use", {"user": min(used)}))
        return found

    def undo_cmdlets(self, ctx: StepContext, past: RecordedChange) -> list[Cmdlet]:
        """Return the cmdlets; "not set" is a value too and is restored as ``$null``."""
        return [_switch(ctx, *each) for each in past.values_before.items()]


def _names(ctx: StepContext) -> tuple[str, ...]:
    """Return the names of the recorded values, one for each mailbox that counts."""
    delegate = ctx.fact("delegate").lower()
    if not ctx.fact("shared") or delegate in {"", ctx.channel.mailbox}:
        return (VALUE,)
    of_delegate = f"{VALUE}:{delegate}"
    return (of_delegate, VALUE) if ctx.fact("shared_licensed") else (of_delegate,)


def _address(ctx: StepContext, name: str) -> str:
    return name.partition(":")[2] or ctx.channel.mailbox


async def _switches(ctx: StepContext, names: Collection[str]) -> dict[str, str]:
    boxes = (mailbox_row(ctx, "Get-CASMailbox", _address(ctx, name)) for name in names)
    return dict(zip(names, map(_read, await asyncio.gather(*boxes)), strict=True))


def _switch(ctx: StepContext, name: str, switch: str) -> Cmdlet:
    value = {OFF: True, ON: False}.get(switch)
    return "Set-CASMailbox", {"Identity": _address(ctx, name), PROPERTY: value}


async def _organization(ctx: StepContext) -> str:
    return _read((await ctx.exchange.run("Get-TransportConfig", {}))[0])


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
        fix, unneeded = ctx.run.brief.fix, Text("seen.smtp_auth_tenant_unneeded")
        wanted = fix is not None and self.name in fix.wrong
        if not wanted and not ctx.checks:
            return self.ok(unneeded)
        everybody = await _organization(ctx)
        if everybody == ON:
            return self.ok(Text("seen.on"))
        if not wanted:
            return self.skipped(unneeded)
        return self.wrong(Text("seen.off"), values={VALUE: everybody})

    def cmdlets(self, ctx: StepContext, finding: Finding) -> list[Cmdlet]:
        return [("Set-TransportConfig", {PROPERTY: False})]

    async def inspect_undo(self, ctx: StepContext, past: RecordedChange) -> Finding:
        everybody, tenant = await _organization(ctx), ctx.run.tenant.lower()
        found = self.compare_with_recorded(past, {VALUE: everybody}, SEEN[everybody], {VALUE: ON})
        every = (each.channel for each in ctx.store.channels.connected())
        others = {each.tenant_id.lower() for each in every if each.mailbox != ctx.channel.mailbox}
        if found.state is State.WRONG and tenant in others:  # whose answers would stop
            return self.left_alone(Text("seen.undo_tenant_in_use"))
        return found

    def undo_cmdlets(self, ctx: StepContext, past: RecordedChange) -> list[Cmdlet]:
        return [("Set-TransportConfig", {PROPERTY: True})]


class SecurityDefaults(Step, row="security_defaults"):
    """Step M2: security defaults are off; on, they may make SMTP AUTH fail.

    The reports contradict each other (platforms/microsoft.md 2.1), so only a login decides. A plan
    shows it before anybody approves anything.
    """

    async def inspect(self, ctx: StepContext) -> Finding:
        read = ctx.graph.security_defaults()
        on = await (read if ctx.checks else unless_refused(read))
        if on is None:
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
        if await _allowed(ctx, Trustee=delegate):
            return self.ok(Text("seen.send_as", {"user": delegate}), values={delegate: "yes"})
        cause, values = Cause.SEND_AS_MISSING, {delegate: ""}
        if ctx.checks and any(lower_of(row, "Trustee") != OWN for row in await _allowed(ctx)):
            return self.possible(Text("seen.send_as_others"), cause=cause, values=values)
        return self.wrong(Reason.ABSENT, cause=cause, values=values)

    def plan(self, ctx: StepContext, finding: Finding) -> tuple[Change, ...]:
        delegate, command = _delegate(ctx), shown(self.cmdlets(ctx, finding))
        return (self.planned(finding, command, user=delegate),) if delegate else ()

    def cmdlets(self, ctx: StepContext, finding: Finding) -> list[Cmdlet]:
        return [_right(ctx, "Add", _delegate(ctx))]

    async def inspect_undo(self, ctx: StepContext, past: RecordedChange) -> Finding:
        values = {n: "yes" if await _allowed(ctx, Trustee=n) else "" for n in past.values_before}
        seen = "key:seen.on" if any(values.values()) else "key:seen.none"
        return self.compare_with_recorded(past, values, seen, dict.fromkeys(values, "yes"))

    def undo_cmdlets(self, ctx: StepContext, past: RecordedChange) -> list[Cmdlet]:
        """Return a cmdlet for each trustee to whom a run has given the right, and no other."""
        added = (trustee for trustee, had in past.values_before.items() if not had)
        return [_right(ctx, "Remove", trustee) for trustee in added]

    async def undo(self, ctx: StepContext, past: RecordedChange) -> None:
        for write in self.undo_cmdlets(ctx, past):
            if await _allowed(ctx, Trustee=write[1]["Trustee"]):
                await self.run_cmdlets(ctx, [write])


def _delegate(ctx: StepContext) -> str:
    own = ctx.fact("delegate_id").lower() == ctx.fact("user_id").lower()
    return "" if own else ctx.fact("delegate").lower()


async def _allowed(ctx: StepContext, **trustee: object) -> list[ExchangeRow]:
    """Return the rows that allow somebody, or this trustee, to send as the mailbox."""
    wanted, found = {"Identity": ctx.channel.mailbox, **trustee}, list[ExchangeRow]()
    for row in await ctx.exchange.run("Get-RecipientPermission", wanted):
        rights = row.get("AccessRights")  # a list, or one text
        names = rights if isinstance(rights, list) else str(rights).split(",")
        has_right = RIGHT.lower() in {str(name).strip().lower() for name in names}
        if has_right and lower_of(row, "AccessControlType") in {"", "allow"}:
            found.append(row)
    return found


def _right(ctx: StepContext, verb: str, trustee: str) -> Cmdlet:
    given = {"Trustee": trustee, "AccessRights": [RIGHT], "Confirm": False}
    return f"{verb}-RecipientPermission", {"Identity": ctx.channel.mailbox, **given}
