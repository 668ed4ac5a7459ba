"""Steps C1 to C7 and E6: the email app in Webex Connect, which only a person can create.

A person fills in the form with the two ids, generates the token, and saves and registers the app to
Webex Engage, which is irreversible, so the card warns first. The steps V1 to V3 prove it. Entra's
log shows Generate Token if the tenant has Entra P1 and a role that may read it; else a person
confirms the token (platforms/microsoft.md 5).
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from jobs.access import mailbox_login
from jobs.causes.cause import Cause
from jobs.channel.hand_made import is_found_by_check
from jobs.channel.in_use import channels_with_address
from jobs.clock import now
from jobs.clouds.errors import CloudError
from jobs.contact_center.connect_audit import read_changes
from jobs.engine.context import StepContext
from jobs.engine.step import Step
from jobs.microsoft.sign_in_log import SignInRow, read
from jobs.model import ConnectChange, Evidence, Finding, RunKind, State, Text, Turn, minute_of
from jobs.runs.run import Run
from jobs.steps import SECRET_SHOWN

AT = "generated_at"
"""Fact that holds the time at which Generate Token was used."""
CHANGED = ("client_secret", "smtp_grant", "application", "ids")
"""Steps whose changes come before Generate Token."""
PAUSES_S = (5.0, 5, 10, 10, 20, 20, 30, 60, 60, 120, 300)
"""Pauses between two reads of a log, in seconds. The sign-in log allows five in ten seconds."""
CLOCKS = timedelta(seconds=2)
"""Tolerance for the times of the log, which are in whole seconds."""
log = structlog.get_logger(__name__)


def may_be_there(ctx: StepContext) -> bool:
    """Return whether the client secret was shown or is in the form, so a token may exist."""
    keeps = ctx.run.kind is RunKind.FIX and "client_secret" not in ctx.run.changed
    return keeps or ctx.run.answer(SECRET_SHOWN) == ctx.fact("key_id") != ""


async def newest_sign_in(ctx: StepContext) -> SignInRow | None:
    """Return the newest sign-in of a person since the form could be filled in, or None.

    A sign-in with another secret than Webex Connect's is not Webex Connect's. If the log does not
    name the secret, the sign-in counts only if the log shows which ones are the bot's own. A log
    that cannot be read says nothing. An administrator's sign-in that has ended says nothing either:
    only this look needs it.
    """
    if ctx.run.answer("rehearse") == "yes" and not ctx.run.settled("rehearsal"):
        return None
    own = mailbox_login.own_sign_ins(ctx.store.redis, ctx.channel.mailbox)
    rows = await _rows(ctx, "v1.0")
    recognized = own.are_recognized(rows, ctx.run.opened)
    if not recognized:
        rows = await _rows(ctx, "beta")
    since, key_id = _since(ctx) - CLOCKS, ctx.fact("key_id").lower()
    told = (
        row
        for row in own.without_own(rows)
        if row.interactive and row.conclusive and row.at >= since
    )
    return next((row for row in told if (row.key_id == key_id if row.key_id else recognized)), None)


async def _rows(ctx: StepContext, version: str) -> list[SignInRow]:
    try:
        return read(await ctx.graph.sign_ins(ctx.fact("client_id"), ctx.run.opened, version))
    except CloudError as error:
        log.info("sign-in log not read", run=ctx.run.id, why=str(error))
        return []


def is_the_logins(ctx: StepContext, row: SignInRow) -> bool:
    """Return whether the sign-in is the mailbox's, or True if its user is not known."""
    expected = ctx.fact("delegate_id" if ctx.fact("shared") else "user_id").lower()
    return expected in {"", row.user_id}


def _since(ctx: StepContext) -> datetime:
    """Return when Webex Connect's form could be filled in: after the last change that it needs."""
    run = ctx.run
    moments = [run.changed[name].written for name in CHANGED if name in run.changed]
    if "rehearsal" in run.found_at and run.state_of("rehearsal") is State.OK:
        moments.append(run.found_at["rehearsal"])
    if "consent" in run.answers:
        moments.append(run.answers["consent"].at)
    return max(moments, default=run.opened)


class EmailApp(Step):
    """Step C1: Webex Connect has an email app with OAuth 2.0.

    A requester who gives the app's Call Back URL has seen the app.
    """

    name = "email_app"
    article_row = "C1"
    group = "connect"

    async def inspect(self, ctx: StepContext) -> Finding:
        """Check that the Call Back URL was given. The app is not proven before V1."""
        if not ctx.channel.callback_url:
            return self.waits_for(Turn.REQUESTER)
        return self.ok(Text("seen.said_by_requester"))


class Addresses(Step):
    """Step C2: the Call Back URL and Forwarding Address, valid since the form, are known."""

    name = "addresses"
    article_row = "C2"
    group = "connect"
    shown_in = "email_app"

    async def inspect(self, ctx: StepContext) -> Finding:
        channel = ctx.channel
        if not (channel.callback_url and channel.forwarding_address):
            return self._partly(ctx)
        seen = Text(
            "seen.addresses",
            {"callback": channel.callback_url, "forwarding": channel.forwarding_address},
        )
        return replace(self.ok(seen), evidence=channels_with_address(ctx))

    def _partly(self, ctx: StepContext) -> Finding:
        """Return that a setup waits; a check of a channel made by hand goes on without it."""
        if not is_found_by_check(ctx):
            return self.waits_for(Turn.REQUESTER)
        return replace(self.skipped(Text("skipped.not_found")), facts={"addresses": "partly"})


FORM = ("ids", "client_secret", "smtp_grant", "admin_consent")
"""Steps that must be done before the form can be filled in and Generate Token can succeed."""


def token_at(run: Run) -> datetime | None:
    """Return when the token was saved, as told, or generated, as Entra logs it, or None."""
    if "token_saved" in run.answers:
        return run.answers["token_saved"].at
    return datetime.fromisoformat(run.fact(AT)) if run.fact(AT) else None


class _Filled(Step):
    """Step for a part of Webex Connect's form, shown by the token or confirmed by the requester.

    Generate Token succeeds only with the right app, secret, addresses and scope. The requester can
    confirm the form by saying that the token was saved (platforms/connect.md 1.2).
    """

    group = "connect"
    needs = FORM
    after: tuple[str, ...] = ("token",)
    automatic = False

    async def inspect(self, ctx: StepContext) -> Finding:
        """Check the token and the requester's confirmation.

        Both count until the channel is proven. Webex Connect's asset API is not confirmed
        (platforms/connect.md 2.1).
        """
        if ctx.run.answer("token_saved"):
            return self.ok(Text("seen.said_by_requester"))
        if ctx.run.settled("token"):
            return self.ok(Text("seen.shown_by_token"))
        return self.waits_for(Turn.REQUESTER, Text("seen.form_open"))


class MailboxFields(_Filled):
    """Step C3: the form's fields Email ID, SMTP server, port, security and username."""

    name = "mailbox_fields"
    article_row = "C3"


class AppFields(_Filled):
    """Step C4: the form's fields Client ID and Client Secret."""

    name = "app_fields"
    article_row = "C4"
    shown_in = "mailbox_fields"


class AddressFields(_Filled):
    """Step C5: the form's Authorization, Access Token and Refresh Token URLs, and the scope."""

    name = "address_fields"
    article_row = "C5"
    shown_in = "mailbox_fields"


class Token(_Filled):
    """Step C6: Generate Token as the Username; nobody is asked if the bot can read Entra's log."""

    name = "token"
    article_row = "C6"
    shown_in = "mailbox_fields"
    after = ()
    reads = ("AuditLog.Read.All", "Directory.Read.All")

    async def inspect(self, ctx: StepContext) -> Finding:
        if ctx.run.answer("token_saved"):
            return self.ok(Text("seen.said_by_requester"))
        row = await newest_sign_in(ctx) if may_be_there(ctx) else None
        return self._by_the_log(ctx, row) if row else self._still_open(ctx)

    def _by_the_log(self, ctx: StepContext, row: SignInRow) -> Finding:
        if not row.good:
            evidence = Evidence("entra", f"AADSTS{row.code}: {row.reason}")
            return replace(self._still_open(ctx, row.meaning.cause), evidence=(evidence,))
        if not is_the_logins(ctx, row):
            evidence = Evidence("entra", row.user)
            return replace(self._still_open(ctx, Cause.WRONG_MAILBOX_USER), evidence=(evidence,))
        seen = Text("seen.token_in_log", {"at": minute_of(row.at)})
        return self.ok(seen, facts={AT: row.at.isoformat()})

    def _still_open(self, ctx: StepContext, cause: str = "") -> Finding:
        """Wait for the form; the bot reads the log again by itself."""
        looks = may_be_there(ctx)
        again = ctx.pause(self.name, PAUSES_S) if looks else 0
        return self.waits_for(Turn.REQUESTER, Text("seen.form_open"), cause=cause, again_s=again)


class ConnectIds(Step):
    """Step E6: the Application (client) ID and the Directory (tenant) ID are known."""

    name = "ids"
    article_row = "E6"
    group = "entra"
    needs = ("application",)

    async def inspect(self, ctx: StepContext) -> Finding:
        tenant = ctx.run.account.tenant_id if ctx.run.account else ""
        return self.ok(
            Text("seen.ids", {"client_id": ctx.fact("client_id"), "tenant_id": tenant}),
            facts={"tenant_id": tenant},
        )


log = structlog.get_logger(__name__)
_OF_AN_APP = re.compile(r"(?:create|save|update)App", re.IGNORECASE)
SAVED_AND_REGISTERED = 2
"""Changes of an app after Generate Token: Save, and Register To Webex Engage."""


class Registered(Step):
    """Step C7: the asset is registered with a service (platforms/connect.md 1.5).

    The audit log has no action of its own for the registration, which is one more change of the app
    (platforms/connect.md 2.3). So the log only spares the requester the press of the button. The
    button stays, and pressing it sends the test mail once more.
    """

    name = "registered"
    article_row = "C7"
    group = "connect"
    shown_in = "mailbox_fields"
    needs = ("token",)
    automatic = False
    returns_with = "registered"

    async def inspect(self, ctx: StepContext) -> Finding:
        """Check the requester's confirmation, then the audit log. V2 proves either."""
        if ctx.run.answer("registered"):
            return self.ok(Text("seen.said_by_requester"))
        again = 0.0
        if ctx.settings.connect_audit_url:
            changes = await _changes_since_token(ctx)
            if len(changes) >= _expected(ctx):
                at = max(change.at for change in changes)
                return self.ok(Text("seen.registered_in_log", {"at": minute_of(at)}))
            again = ctx.pause(self.name, PAUSES_S)
        return self.waits_for(Turn.REQUESTER, Text("seen.not_registered"), again_s=again)


def _expected(ctx: StepContext) -> int:
    """Return how many changes of an app prove the registration.

    One change is enough if the requester has said that the token was saved, because that is said
    only after Save.
    """
    return 1 if ctx.run.answer("token_saved") else SAVED_AND_REGISTERED


async def _changes_since_token(ctx: StepContext) -> list[ConnectChange]:
    since = token_at(ctx.run) or now()
    try:
        found = await read_changes(ctx.settings, since, now())
    except CloudError as error:
        log.info("audit log not read", run=ctx.run.id, why=str(error))
        return []
    return [
        change
        for change in found.rows
        if change.at >= since
        and not change.failed
        and _OF_AN_APP.fullmatch(change.event) is not None
    ]
