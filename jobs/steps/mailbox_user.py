"""Step M1: the user whose mailbox is connected."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from jobs.causes.cause import Cause
from jobs.channel.mailbox import is_shared, mailbox_row
from jobs.clouds.errors import CloudError, Forbidden, NotFound, SignInNeeded
from jobs.clouds.json_values import lower_of, text_of
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.failures import finding_from_error, not_readable
from jobs.engine.step import Step
from jobs.microsoft.exchange import ExchangeRow
from jobs.microsoft.graph_requests import promised
from jobs.model import Access, Finding, RunKind, Signals, State, Station, Text

Json = dict[str, Any]
ONMICROSOFT = ".onmicrosoft.com"


class MailboxUser(Step):
    """Step M1: the user has a mailbox, an Exchange license and sign-in (microsoft.md 2.1).

    The UPN may differ from the address. The fact ``shared`` is ``yes`` if another user signs in for
    the mailbox, ``blocked`` if, in addition, the mailbox's own account may not sign in, and
    ``unknown`` if the mailbox may be shared. The fact ``shared_licensed`` is set if a shared
    mailbox has a license of its own, without which it has no SMTP (platforms/microsoft.md 2.6).
    """

    name = "mailbox_user"
    article_row = "M1"
    group = "microsoft"
    needs = ("tenant",)
    reads = ("User.Read.All", "View-Only Recipients")
    doubted_by = frozenset(
        {
            Cause.MAIL_NOT_DELIVERED,
            Cause.NOT_FOUND,
            Cause.SMTP_LOGIN_BLOCKED,
            Cause.SMTP_REFUSED,
            Cause.SMTP_TOKEN_REFUSED,
            Cause.TEST_MAIL_LATE,
        }
    )
    diagnosis = Diagnosis(
        explains=frozenset(
            {
                Cause.ACCOUNT_DISABLED,
                Cause.USER_UNKNOWN,
                Cause.LICENCE_MISSING,
                Cause.SMTP_TOKEN_REFUSED,
                Cause.SMTP_LOGIN_BLOCKED,
                Cause.SMTP_REFUSED,
            }
        ),
        station=Station.MAILBOX,
    )

    async def inspect(self, ctx: StepContext) -> Finding:
        user, mailbox = await asyncio.gather(
            ctx.graph.user(ctx.channel.mailbox), self._mailbox(ctx)
        )
        if not user and isinstance(mailbox, ExchangeRow):
            user = await self._owner(ctx, mailbox)
        if user is None:
            return self.wrong(
                Text(await self._why_nobody(ctx), {"mailbox": ctx.channel.mailbox}),
                cause=Cause.MAILBOX_NOT_FOUND,
            )
        facts = {
            "user_id": promised(user, "id"),
            "upn": text_of(user, "userPrincipalName") or ctx.channel.mailbox,
        }
        if isinstance(mailbox, CloudError):
            return self._by_the_directory(ctx, user, mailbox, facts)
        return _with_sender(ctx, mailbox, self._judged(ctx, user, mailbox, facts))

    def _judged(
        self, ctx: StepContext, user: Json, mailbox: ExchangeRow | None, facts: dict[str, str]
    ) -> Finding:
        upn = {"upn": facts["upn"]}
        if mailbox is None:
            return self._without_mailbox(user, upn, facts if ctx.run.kind is RunKind.CHECK else {})
        if is_shared(mailbox):
            return self._of_others(ctx, user, facts)
        if sign_in_blocked(user):
            return self._disabled(upn, facts)
        return self._found(ctx, facts) if licensed(user) else self._unlicensed(upn, facts)

    def _of_others(self, ctx: StepContext, user: Json, facts: dict[str, str]) -> Finding:
        """Judge a shared mailbox: no license needed, and its own account is blocked as a rule."""
        if licensed(user):
            facts |= {"shared_licensed": "yes"}
        if sign_in_blocked(user):
            seen = Text("seen.shared_blocked", {"upn": facts["upn"]})
            return self.possible(
                seen, cause=Cause.ACCOUNT_DISABLED, facts={"shared": "blocked", **facts}
            )
        return self._found(ctx, {**facts, "shared": "yes"})

    def _found(self, ctx: StepContext, facts: dict[str, str]) -> Finding:
        key = (
            "seen.mailbox"
            if facts["upn"].lower() == ctx.channel.mailbox
            else "seen.mailbox_other_upn"
        )
        return self.ok(Text(key, {"upn": facts["upn"]}), facts=facts)

    def _unlicensed(self, upn: dict[str, str], facts: dict[str, str]) -> Finding:
        return self.wrong(Text("seen.no_licence", upn), cause=Cause.LICENCE_MISSING, facts=facts)

    def _without_mailbox(self, user: Json, upn: dict[str, str], facts: dict[str, str]) -> Finding:
        """Return why there is no mailbox; a plan has no ``facts``, so later steps show nothing."""
        if licensed(user):
            return self.wrong(
                Text("seen.no_mailbox", upn), cause=Cause.MAILBOX_NOT_FOUND, facts=facts
            )
        return self._disabled(upn, facts) if sign_in_blocked(user) else self._unlicensed(upn, facts)

    def _disabled(self, upn: dict[str, str], facts: dict[str, str]) -> Finding:
        stopped = Signals(station=Station.ANSWER)
        return self.wrong(
            Text("seen.disabled", upn), cause=Cause.ACCOUNT_DISABLED, facts=facts, signals=stopped
        )

    def _by_the_directory(
        self, ctx: StepContext, user: Json, error: CloudError, facts: dict[str, str]
    ) -> Finding:
        """Judge by the directory alone if Exchange does not show this caller the mailbox."""
        if sign_in_blocked(user) or not licensed(user):  # true for the account of a shared mailbox
            facts |= {"shared": "unknown"}
        if sign_in_blocked(user):
            return self.possible(
                Text("seen.disabled", {"upn": facts["upn"]}),
                cause=Cause.ACCOUNT_DISABLED,
                facts=facts,
            )
        return replace(self._unread(ctx, error), facts=facts)

    def _unread(self, ctx: StepContext, error: CloudError) -> Finding:
        # the bot has no role in Exchange, which says nothing about the channel
        if ctx.access is Access.APP and isinstance(error, Forbidden | SignInNeeded):
            return not_readable(self, error)
        return finding_from_error(self, error, ctx.run)

    async def _mailbox(self, ctx: StepContext) -> ExchangeRow | CloudError | None:
        """Return the mailbox, None if there is none, or in a check the error that hid it."""
        try:
            return await mailbox_row(ctx)
        except NotFound:
            return None
        except CloudError as error:
            if ctx.run.kind is not RunKind.CHECK:
                raise
            return error

    async def _owner(self, ctx: StepContext, mailbox: ExchangeRow) -> Json | None:
        """Return the mailbox's owner by Exchange: the directory may not know every address."""
        names = [
            text_of(mailbox, name) for name in ("UserPrincipalName", "ExternalDirectoryObjectId")
        ]
        owners = [
            await ctx.graph.user(name)
            for name in names
            if name.lower() not in {"", ctx.channel.mailbox}
        ]
        return next(filter(None, owners), None)

    async def _why_nobody(self, ctx: StepContext) -> str:
        """Return the text's key: the address may be a group's, or in an error the general one."""
        try:
            rows = await ctx.exchange.run("Get-Recipient", {"Identity": ctx.channel.mailbox})
        except CloudError:
            return "seen.nobody"
        return (
            "seen.group"
            if "group" in lower_of(next(iter(rows), None), "RecipientTypeDetails")
            else "seen.nobody"
        )


def _with_sender(ctx: StepContext, mailbox: ExchangeRow | None, found: Finding) -> Finding:
    """Return the finding, as a warning if answers leave with an onmicrosoft.com address.

    Microsoft refuses the mails of such a sender to more than 100 recipients outside the
    organization in 24 hours (platforms/microsoft.md 2.7). Mail flows until then, so a setup
    goes on.
    """
    sender = lower_of(mailbox, "PrimarySmtpAddress") or ctx.channel.mailbox
    if found.state is not State.OK or not sender.endswith(ONMICROSOFT):
        return found
    seen = Text("seen.onmicrosoft", {"address": sender})
    return replace(found, state=State.WARNING, seen=seen, cause=Cause.SENDS_AS_ONMICROSOFT)


def sign_in_blocked(user: Json) -> bool:
    return user.get("accountEnabled") is False


def licensed(user: Json) -> bool:
    """Return whether an Exchange plan is enabled; True if the directory shows none."""
    return user.get("assignedPlans") is None or any(map(_is_exchange_plan, user["assignedPlans"]))


def _is_exchange_plan(plan: Json) -> bool:
    """Return whether the plan gives the user a mailbox, and is in force."""
    return lower_of(plan, "service") == "exchange" and lower_of(plan, "capabilityStatus") in {
        "enabled",
        "warning",
    }
