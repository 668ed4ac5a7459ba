"""Steps C1 to C7 and E6: the email app in Webex Connect, which only a person can create.

A person fills in the form with the two ids, generates the token, and saves and registers the app to
Webex Engage, which is irreversible, so the card warns first. The steps V1 to V3 prove it. Entra's
log shows Generate Token if the tenant has Entra P1 and a role that may read it; else a person
confirms the token (platforms/microsoft.md 5).

The bot does the same login that Webex Connect will do, or does after a fix. A wrong setting shows
in this rehearsal, before the form is filled in. After a fix the bot uses the sign-in that the
setup's rehearsal left.
"""

import re
from dataclasses import replace
from datetime import datetime, timedelta

from jobs.access import mailbox_login
from jobs.causes.cause import Cause, known
from jobs.channel.mailbox import ADDRESS_IN_USE, login_id_of, login_names
from jobs.clock import now, parse
from jobs.clouds.errors import Rejected, SignInNeeded, if_answered
from jobs.clouds.json_values import text_of
from jobs.contact_center.services import read_changes
from jobs.engine.findings import ERRORS_SETTLE_FOR, wrote_within
from jobs.engine.step import Step, StepContext
from jobs.mail.smtp_login import BUSY, SmtpProbe, login_with
from jobs.microsoft.sign_in_log import SignInRow, read
from jobs.model import Evidence, Finding, RunKind, State, Text, Turn, minute_of
from jobs.runs.run import Run
from jobs.steps import SECRET_SHOWN
from jobs.steps.mailbox_and_smtp_auth import SmtpAuth
from jobs.storage.vault import Sealed

AT = "generated_at"
"""Fact that holds the time at which Generate Token was used."""
CHANGED = ("client_secret", "smtp_grant", "application", "ids")
"""Steps whose changes come before Generate Token."""
PAUSES_S = (5.0, 5, 10, 10, 20, 20, 30, 60, 60, 120, 300)
"""Pauses between two reads of a log, in seconds. The sign-in log allows five in ten seconds."""
CLOCKS = timedelta(seconds=2)
"""Tolerance for the times of logs and traces, which are in whole seconds, and for two clocks."""


async def newest_sign_in(ctx: StepContext) -> SignInRow | None:
    """Return the newest sign-in of a person since the form could be filled in, or None.

    A sign-in with another secret than Webex Connect's is not Webex Connect's. If the log does not
    name the secret, the sign-in counts only if the log shows which ones are the bot's own. A log
    that cannot be read, also because the administrator's sign-in has ended, says nothing.
    """
    if ctx.run.answer("rehearse") == "yes" and not ctx.run.settled("rehearsal"):
        return None
    own = mailbox_login.own_sign_ins(ctx.store.redis, ctx.channel.mailbox)
    rows = await _rows(ctx, "v1.0")
    recognized = mailbox_login.are_recognized(rows, own, ctx.run.opened)
    if not recognized:
        rows = await _rows(ctx, "beta")
    since, key_id = _since(ctx) - CLOCKS, ctx.fact("key_id").lower()
    others = mailbox_login.without_own(rows, own)
    persons = (row for row in others if row.interactive and row.conclusive)
    told = (row for row in persons if row.at >= since)
    return next((row for row in told if (row.key_id == key_id if row.key_id else recognized)), None)


async def _rows(ctx: StepContext, version: str) -> list[SignInRow]:
    log = ctx.graph.sign_ins("appId", ctx.fact("client_id"), ctx.run.opened, version)
    return read(await if_answered(log) or ())


def _since(ctx: StepContext) -> datetime:
    """Return when Webex Connect's form could be filled in: after the last change that it needs."""
    run = ctx.run
    moments = [run.changed[name].written for name in CHANGED if name in run.changed]
    if "rehearsal" in run.found_at and run.state_of("rehearsal") is State.OK:
        moments.append(run.found_at["rehearsal"])
    return max(filter(None, (*moments, ctx.answered_at("consent"))), default=run.opened)


class EmailApp(Step, row="email_app"):
    """Step C1: Webex Connect has an email app with OAuth 2.0."""

    async def inspect(self, ctx: StepContext) -> Finding:
        """Trust a given Call Back URL, which the app shows; V1 proves the app."""
        given = self.ok(Text("seen.said_by_requester"))
        return given if ctx.channel.callback_url else self.waits_for(Turn.REQUESTER)


class Addresses(Step, row="addresses"):
    """Step C2: the Call Back URL and Forwarding Address, valid since the form, are known."""

    async def inspect(self, ctx: StepContext) -> Finding:
        """Look at both; a setup waits, and a check of a channel made by hand goes on without."""
        callback, forwarding = ctx.channel.callback_url, ctx.channel.forwarding_address
        if callback and forwarding:
            seen = Text("seen.addresses", {"callback": callback, "forwarding": forwarding})
            same = ctx.store.channels.sharing_address(ctx.channel) if ctx.looking else ()
            return self.ok(seen, evidence=tuple(Evidence(ADDRESS_IN_USE, each) for each in same))
        if ctx.by_hand and ctx.checks:
            return self.skipped(Text("skipped.not_found"), facts={"addresses": "partly"})
        return self.waits_for(Turn.REQUESTER)


def token_at(run: Run) -> datetime | None:
    """Return when the token was saved, as told, or generated, as Entra logs it, or None."""
    return run.answers["token_saved"].at if "token_saved" in run.answers else parse(run.fact(AT))


async def dates_of_user(ctx: StepContext) -> tuple[datetime | None, datetime | None]:
    """Return when the sign-ins of the token's user were last revoked, and when it was made."""
    known = ctx.fact("delegate_id") or ctx.fact("user_id") or ctx.channel.mailbox
    # for many channels, the mailbox's own user is in memory
    user = await ctx.graph.user(ctx.channel.mailbox) if ctx.many else None
    if text_of(user, "id") != known:
        user = await ctx.graph.user(known)
    revoked = parse(text_of(user, "signInSessionsValidFromDateTime"))
    return revoked, parse(text_of(user, "createdDateTime"))


class _Filled(Step):
    """Step for a part of Webex Connect's form, shown by the token or confirmed by the requester.

    Generate Token needs the right app, secret, addresses and scope (platforms/connect.md 1.2).
    """

    async def inspect(self, ctx: StepContext) -> Finding:
        """Check both, for Webex Connect's asset API is not confirmed (platforms/connect.md 2.1)."""
        if ctx.run.answer("token_saved"):
            return self.ok(Text("seen.said_by_requester"))
        if ctx.run.settled("token"):
            return self.ok(Text("seen.shown_by_token"))
        return self.waits_for(Turn.REQUESTER, Text("seen.form_open"))


class MailboxFields(_Filled, row="mailbox_fields"):
    """Step C3: the form's fields Email ID, SMTP server, port, security and username."""


class AppFields(_Filled, row="app_fields"):
    """Step C4: the form's fields Client ID and Client Secret."""


class AddressFields(_Filled, row="address_fields"):
    """Step C5: the form's Authorization, Access Token and Refresh Token URLs, and the scope."""


class Token(_Filled, row="token"):
    """Step C6: Generate Token as the Username; nobody is asked if the bot can read Entra's log."""

    async def inspect(self, ctx: StepContext) -> Finding:
        if ctx.run.answer("token_saved"):
            return self.ok(Text("seen.said_by_requester"))
        # a token needs a secret that was shown, or that a fix leaves in the form
        keeps = ctx.run.kind is RunKind.FIX and "client_secret" not in ctx.run.changed
        if not keeps and not ctx.run.answer(SECRET_SHOWN) == ctx.fact("key_id") != "":
            return self.waits_for(Turn.REQUESTER, Text("seen.form_open"))
        row = await newest_sign_in(ctx)
        if row is None:
            return self._still_open(ctx)
        if not row.good:
            return self._still_open(ctx, row.meaning.cause, f"AADSTS{row.code}: {row.reason}")
        if login_id_of(ctx.run).lower() not in {"", row.user_id}:
            return self._still_open(ctx, Cause.WRONG_MAILBOX_USER, row.user)
        seen = Text("seen.token_in_log", {"at": minute_of(row.at)})
        return self.ok(seen, facts={AT: row.at.isoformat()})

    def _still_open(self, ctx: StepContext, cause: str = "", logged: str = "") -> Finding:
        again = ctx.pause(self.name, PAUSES_S)
        found = self.waits_for(Turn.REQUESTER, Text("seen.form_open"), cause=cause, again_s=again)
        return replace(found, evidence=(Evidence("entra", logged),) if logged else ())


class ConnectIds(Step, row="ids"):
    """Step E6: the Application (client) ID and the Directory (tenant) ID are known."""

    async def inspect(self, ctx: StepContext) -> Finding:
        facts = {"tenant_id": ctx.run.account.tenant_id if ctx.run.account else ""}
        return self.ok(Text("seen.ids", {"client_id": ctx.fact("client_id")} | facts), facts=facts)


_OF_AN_APP = re.compile(r"(?:create|save|update)App", re.IGNORECASE)
SAVED_AND_REGISTERED = 2
"""Changes of an app after Generate Token: Save, and Register To Webex Engage."""


class Registered(Step, row="registered"):
    """Step C7: the asset is registered with a service (platforms/connect.md 1.5).

    In the audit log the registration is one more change of the app (platforms/connect.md 2.3). So
    the log only spares the requester the button, which stays and sends the test mail once more.
    """

    async def inspect(self, ctx: StepContext) -> Finding:
        """Check the requester's confirmation, then the audit log. V2 proves either."""
        if ctx.run.answer("registered"):
            return self.ok(Text("seen.said_by_requester"))
        again = 0.0
        if ctx.settings.connect_audit_url:
            since = token_at(ctx.run) or now()
            log = await if_answered(read_changes(ctx.settings, since))
            rows = log.rows if log else ()
            made = (each for each in rows if each.at >= since and not each.failed)
            changed = [each.at for each in made if _OF_AN_APP.fullmatch(each.event)]
            # a token that was saved, as told, was saved by the first change
            if len(changed) >= (1 if ctx.run.answer("token_saved") else SAVED_AND_REGISTERED):
                return self.ok(Text("seen.registered_in_log", {"at": minute_of(max(changed))}))
            again = ctx.pause(self.name, PAUSES_S)
        return self.waits_for(Turn.REQUESTER, Text("seen.not_registered"), again_s=again)


PASSES = BUSY | frozenset({Cause.SMTP_UNREACHABLE, Cause.TIMED_OUT})
"""Causes that say nothing about the login, which is retried first (platforms/microsoft.md 4.1)."""
SPREADS_FOR = timedelta(hours=1)
"""Time for a mailbox's SMTP AUTH to reach every server: minutes to an hour (microsoft.md 2.1,
not confirmed).
"""
SPREADS = SmtpAuth.diagnosis.explains
LOGIN_PAUSES_S = (2.0, 5, 10, 20, 40, 60, 120, 300)


class _Login(Step):
    def refused(self, ctx: StepContext, probe: SmtpProbe, turn: Turn, again_s: float) -> Finding:
        """Return that the step waits for this party, or for time while a change may spread."""
        spreads = probe.cause in SPREADS and ctx.began_within("smtp_auth", SPREADS_FOR)
        if spreads or turn is Turn.TIME:
            turn, again_s = Turn.TIME, ctx.pause(self.name, LOGIN_PAUSES_S)
        found = self.waits_for(turn, probe.seen, cause=probe.cause, again_s=again_s)
        return replace(found, evidence=probe.evidence)


class Rehearsal(_Login, row="rehearsal"):
    """Step C6: the mailbox user's token logs in at the SMTP server using XOAUTH2.

    For a shared mailbox it is the delegate's token, and the delegate is the user name. A login does
    not prove the right to send as the mailbox (microsoft.md 4): ``send_as`` and the agent's
    answer do. The fact ``username`` is set if the server takes only another name: the form then
    needs it.
    """

    async def inspect(self, ctx: StepContext) -> Finding:
        """Log in phase by phase without sending; only a success is kept for checks."""
        skip, _, reason = ctx.run.answer("rehearse").partition(":")
        if skip.startswith("skip"):
            return self.skipped(Text("skipped.rehearsal_because", {"reason": reason}))
        token = ctx.vault.get(Sealed.REHEARSAL_TOKEN.of(ctx.run.id))
        if token is None:
            return self.waits_for(Turn.MAILBOX_USER, Text("seen.rehearsal_open"))
        username, *others = login_names(ctx)
        probe = await login_with(ctx.settings.smtp_server, username, others, token)
        if probe.ok:
            mailbox_login.save(ctx.vault, ctx.run)
            facts = {"username": probe.instead} if probe.instead else {}
            return self.ok(probe.seen, facts=facts, evidence=probe.evidence)
        passes = probe.cause in PASSES and ctx.run.waits.get(self.name, 0) < len(LOGIN_PAUSES_S)
        entry = known(probe.cause)  # what passes, or the run itself fixes, is only tried again
        turn = Turn.MAILBOX_USER if entry.fixed_by or entry.acts is Turn.TIME else entry.acts
        return self.refused(ctx, probe, Turn.TIME if passes else turn, 0)


class OwnLogin(_Login, row="own_login"):
    """Step C6: the bot's own SMTP login, if it has one, gets reply 235, as Webex Connect will."""

    async def inspect(self, ctx: StepContext) -> Finding:
        """Log in and disconnect; a refusal within an hour of a change is checked again."""
        try:
            app = ctx.run.tenant, ctx.fact("client_id")
            probe = await mailbox_login.log_in(ctx, app, *login_names(ctx))
        except (SignInNeeded, Rejected) as error:  # the bot's own sign-in or secret
            if not (error.can_be_replication and wrote_within(ctx.run, ERRORS_SETTLE_FOR)):
                return self.skipped(Text("skipped.own_sign_in"), evidence=error.evidence())
            seen = Text("seen.login_settles", {"reply": error.words})
            again = ctx.pause(self.name, LOGIN_PAUSES_S)
            return self.waits_for(Turn.TIME, seen, cause=error.cause, again_s=again)
        if probe is None:
            return self.skipped(Text("skipped.never_rehearsed"))
        if probe.ok:
            return self.ok(probe.seen, evidence=probe.evidence)
        return self.refused(ctx, probe, Turn.ADMINISTRATOR, 300)
