"""Step M1: the mailbox's tenant, its user, and the user who signs in for a shared mailbox."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from jobs.causes.cause import Cause
from jobs.channel.mailbox import delegate_of, is_shared, mailbox_row
from jobs.clouds.errors import CloudError, Forbidden, NotFound, SignInNeeded, unless_refused
from jobs.clouds.json_values import lower_of, text_of
from jobs.engine.context import StepContext
from jobs.engine.inspector import finding_from_error, not_readable
from jobs.engine.step import Step
from jobs.microsoft.exchange import ExchangeRow
from jobs.microsoft.graph import promised
from jobs.model import Access, Finding, Signals, State, Station, Text, Turn
from jobs.runs.run import Run

ELSEWHERE = frozenset({"mailuser", "remoteusermailbox", "remotesharedmailbox"})
"""Types of recipients whose mailbox is not in this Exchange Online, as before a migration."""
CONNECT_MOST = 25 * 1024 * 1024
"""Largest mail that Webex Connect takes, in bytes (platforms/connect.md 1.4)."""
_BYTES = re.compile(r"\(([\d,]+) bytes\)")


class Tenant(Step, row="tenant"):
    """Step M1: the mailbox's domain is verified in the tenant of the signed-in account."""

    async def inspect(self, ctx: StepContext) -> Finding:
        """Compare the verified domains; if they are hidden, ``mailbox_user`` decides."""
        account = ctx.run.account
        values = {
            "domain": ctx.channel.domain,
            "account": account.upn if account else "key:seen.the_bot",
        }
        organization = await unless_refused(ctx.graph.organization()) or {}
        verified = organization.get("verifiedDomains") or ()
        domains = {lower_of(domain, "name") for domain in verified}
        if not domains:
            return self.ok(Text("seen.tenant_unread", values))
        if ctx.channel.domain not in domains:
            return self.wrong(Text("seen.other_tenant", values), cause=Cause.WRONG_TENANT)
        return self.ok(Text("seen.tenant", values))


Json = dict[str, Any]
ONMICROSOFT = ".onmicrosoft.com"


class MailboxUser(Step, row="mailbox_user"):
    """Step M1: the user has a mailbox, an Exchange license and sign-in (microsoft.md 2.1).

    The UPN may differ from the address. The fact ``shared`` is ``yes`` if another user signs in for
    the mailbox, ``blocked`` if, in addition, the mailbox's own account may not sign in, and
    ``unknown`` if the mailbox may be shared. The fact ``shared_licensed`` is set if a shared
    mailbox has a license of its own, without which it has no SMTP (platforms/microsoft.md 2.6).
    """

    limits: Mapping[str, tuple[str, ...]]
    """Properties of Get-Mailbox that stop mail if they are set, by the cause."""

    async def inspect(self, ctx: StepContext) -> Finding:
        user, mailbox = await asyncio.gather(
            ctx.graph.user(ctx.channel.mailbox), self._mailbox(ctx)
        )
        if not user and isinstance(mailbox, ExchangeRow):
            user = await self._owner(ctx, mailbox)
        if user is None:
            return await self._gone(ctx, self.wrong(Text("seen.nobody", _named(ctx))))
        upn = text_of(user, "userPrincipalName") or ctx.channel.mailbox
        facts = {"user_id": promised(user, "id"), "upn": upn}
        if isinstance(mailbox, CloudError):
            return self._by_the_directory(ctx, user, mailbox, facts)
        found = self._judged(ctx, user, mailbox, facts)
        if found.cause == Cause.MAILBOX_NOT_FOUND:
            return await self._gone(ctx, found)
        if mailbox is None or found.state is not State.OK:
            return found
        told = next(_warnings(mailbox, ctx.channel.mailbox), None)
        return replace(found, state=State.WARNING, cause=told[0], seen=told[1]) if told else found

    def _judged(
        self, ctx: StepContext, user: Json, mailbox: ExchangeRow | None, facts: dict[str, str]
    ) -> Finding:
        if mailbox is not None and is_shared(mailbox):
            return self._of_others(ctx, user, facts)
        upn = facts["upn"]
        if mailbox is None and not ctx.checks:
            facts = {}  # so that a plan shows nothing of later steps
        if mailbox is None and licensed(user):
            seen = Text("seen.no_mailbox", {"upn": upn})
            return self.wrong(seen, cause=Cause.MAILBOX_NOT_FOUND, facts=facts)
        stopped = _unusable(self, user, upn)
        return replace(stopped, facts=facts) if stopped else self._found(ctx, facts)

    def _of_others(self, ctx: StepContext, user: Json, facts: dict[str, str]) -> Finding:
        """Judge a shared mailbox: no license needed, and its own account is blocked as a rule."""
        if licensed(user):
            facts |= {"shared_licensed": "yes"}
        if sign_in_blocked(user):
            seen = Text("seen.shared_blocked", {"upn": facts["upn"]})
            facts |= {"shared": "blocked"}
            return self.possible(seen, cause=Cause.ACCOUNT_DISABLED, facts=facts)
        return self._found(ctx, {**facts, "shared": "yes"})

    def _found(self, ctx: StepContext, facts: dict[str, str]) -> Finding:
        own = facts["upn"].lower() == ctx.channel.mailbox
        seen = Text("seen.mailbox" if own else "seen.mailbox_other_upn", {"upn": facts["upn"]})
        return self.ok(seen, facts=facts)

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
        if ctx.access is Access.APP and isinstance(error, Forbidden | SignInNeeded):
            return replace(not_readable(self, error), facts=facts)
        return replace(finding_from_error(self, error, ctx.run), facts=facts)

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
        owners = []
        for field in ("UserPrincipalName", "ExternalDirectoryObjectId"):
            name = text_of(mailbox, field)
            if name.lower() not in {"", ctx.channel.mailbox}:
                owners.append(await ctx.graph.user(name))
        return next(filter(None, owners), None)

    async def _gone(self, ctx: StepContext, found: Finding) -> Finding:
        mailbox = {"Identity": ctx.channel.mailbox}
        kind = lower_of(await _first(ctx, "Get-Recipient", mailbox), "RecipientTypeDetails")
        cause, seen = Cause.MAILBOX_NOT_FOUND, found.seen
        if "group" in kind:
            seen = Text("seen.group", _named(ctx))
        elif kind in ELSEWHERE:
            cause, seen = Cause.MAILBOX_ON_PREMISES, Text("seen.on_premises", _named(ctx))
        elif await _first(ctx, "Get-Mailbox", mailbox | {"SoftDeletedMailbox": True}):
            cause, seen = Cause.MAILBOX_SOFT_DELETED, Text("seen.soft_deleted", _named(ctx))
        return replace(found, cause=cause, seen=seen)


def _named(ctx: StepContext) -> dict[str, str]:
    return {"mailbox": ctx.channel.mailbox}


async def _first(ctx: StepContext, cmdlet: str, parameters: Json) -> ExchangeRow | None:
    try:
        return next(iter(await ctx.exchange.run(cmdlet, parameters)), None)
    except CloudError:
        return None


def _warnings(mailbox: ExchangeRow, address: str) -> Iterator[tuple[Cause, Text]]:
    """Yield the mailbox's settings that may stop mail, the worst first (Set-Mailbox).

    An onmicrosoft.com address may write to 100 recipients a day (platforms/microsoft.md 2.7).
    """
    for cause, names in MailboxUser.limits.items():
        values = (str(mailbox.get(name) or "") for name in names)
        if any(value.lower() not in {"", "false", "[]"} for value in values):
            yield Cause(cause), Text(f"seen.{cause}")
    most = _BYTES.search(str(mailbox.get("MaxReceiveSize") or ""))
    if most and int(most[1].replace(",", "")) < CONNECT_MOST:
        size = {"size": str(mailbox.get("MaxReceiveSize")).partition(" (")[0]}
        yield Cause.MAILBOX_SIZE_LIMITED, Text("seen.mailbox_size_limited", size)
    if str(mailbox.get("IsDirSynced")).lower() == "true" and mailbox.get("ForwardingAddress"):
        yield Cause.MAILBOX_SYNCED, Text("seen.mailbox_synced")
    sender = lower_of(mailbox, "PrimarySmtpAddress") or address
    if sender.endswith(ONMICROSOFT):
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
    return plans is None or any(
        lower_of(plan, "service") == "exchange" and lower_of(plan, "capabilityStatus") in in_force
        for plan in plans
    )


ASKED = frozenset({Cause.DELEGATE_UNKNOWN, Cause.DELEGATE_NOT_FOUND})
"""Causes that end when a person types the delegate's address."""


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
        if not name and ctx.checks:  # which asks nobody and goes on
            skipped = self.skipped(Text("skipped.delegate_unknown"))
            return replace(skipped, facts={"delegate_named": "no"})
        if not name:
            return self._asked(ctx, Text("seen.delegate_unknown"), Cause.DELEGATE_UNKNOWN)
        user = await ctx.graph.user(name)
        if user is None:
            nobody = Text("seen.nobody", {"mailbox": name})
            return self._asked(ctx, nobody, Cause.DELEGATE_NOT_FOUND)
        return self._judged(ctx, user, name)

    def _judged(self, ctx: StepContext, user: dict[str, Any], name: str) -> Finding:
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
    open_states = {State.WRONG, State.WAITING}
    return found is not None and found.state in open_states and found.cause in ASKED
