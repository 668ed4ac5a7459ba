"""Sign-ins of the email app and of the mailbox user: Entra's log and rules, grants, and a login.

The bot's own login is the same as Webex Connect's, with the bot's own secret and sign-in. If the
bot cannot reach the SMTP server, Webex Connect, which connects from elsewhere, may reach it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import takewhile

from jobs.access import mailbox_login
from jobs.causes.cause import Cause
from jobs.causes.patterns import patterns
from jobs.channel.mailbox import login_of, runs_of_others
from jobs.clock import now, parse
from jobs.clouds.errors import CloudError, if_answered, unless_refused
from jobs.clouds.json_values import Json, lower_of, lower_set, part_of, text_of
from jobs.engine.step import Diagnosis, Probe, Step, StepContext
from jobs.mail.smtp_login import SmtpProbe, login_probe
from jobs.microsoft import graph
from jobs.microsoft.outbound_spam import named
from jobs.microsoft.sign_in_log import SignInRow, read, telling
from jobs.model import Evidence, Finding, Profile, Reason, Signals, State, Text, minute_of, verbatim
from jobs.steps.application import grants_of_app, role_assignments
from jobs.steps.connect_form import dates_of_user

BACK = timedelta(days=7)


class SignIns(Probe, row="sign_ins"):
    """Probe that checks whether the newest sign-in to the app succeeded.

    Source: platforms/microsoft.md 5. The log needs Entra P1. Webex Connect's renewals are not
    interactive, and only beta lists those. The bot's own sign-ins, one per check, are left out:
    they would hide a failure of Webex Connect, or look like one.
    """

    async def inspect(self, ctx: StepContext) -> Finding:
        """Judge by the newest meaningful row. Without one, the result is unknown."""
        rows = await unless_refused(self._rows(ctx))
        if rows is None:
            return self.skipped(Reason.NO_SIGN_IN_LOG)
        user, theirs = ctx.fact("user_id").lower(), frozenset[str]()
        if user and not ctx.fact("shared"):  # a delegate may be anybody
            holder = next((row.user_id for row in rows if row.renewal), "")
            theirs = frozenset({user, holder} - {""})
        return self._judged(ctx, telling(rows, theirs, now()))

    async def _rows(self, ctx: StepContext) -> list[SignInRow]:
        """Return the sign-ins of both kinds, without the bot's own, and other channels' of the app.

        For many channels both are read at once, because of a limit of five requests in ten seconds.
        """
        log = partial(ctx.graph.sign_ins, "appId", ctx.fact("client_id"), now() - BACK)
        rows = await if_answered(log("beta", graph.SIGN_INS_AND_RENEWALS)) if ctx.many else None
        told = rows is not None and all(row.get("signInEventTypes") for row in rows)
        if rows is None or not told or len(rows) >= graph.MOST_SIGN_INS * graph.SIGN_IN_PAGES:
            renewals = if_answered(log("beta", graph.RENEWALS))
            signed_in, renewed = await asyncio.gather(log(), renewals)
            # without beta the interactive ones have to be enough; a row of it may lack the mark
            rows = [*(row | {"isInteractive": False} for row in renewed or ()), *signed_in]
        own = mailbox_login.own_sign_ins(ctx.store.redis, ctx.channel.mailbox)
        return _of_this_channel(ctx, mailbox_login.without_own(read(rows), own))

    def _judged(self, ctx: StepContext, rows: Sequence[SignInRow]) -> Finding:
        if not rows:
            return self.skipped(Reason.NO_SIGN_IN)
        newest, expected = rows[0], ctx.fact("user_id").lower()
        anybody = ctx.fact("shared") or not expected
        theirs = [row for row in rows if row.good and (anybody or row.user_id in {"", expected})]
        if not newest.good:
            *_, first = takewhile(lambda row: not row.good, rows)
            return self._failed(newest, first, theirs)
        if newest not in theirs:
            # that user may have signed in for another reason, such as consent: an answer that
            # leaves later, or a renewal, decides
            signals = Signals(since=newest.at, token_lives=newest.interactive)
            seen = Text("seen.other_user", {"user": newest.user, "at": minute_of(newest.at)})
            return self.wrong(seen, cause=Cause.WRONG_MAILBOX_USER, signals=signals)
        in_person = (row.at for row in theirs if row.interactive)  # as Generate Token
        signals = Signals(at=newest.at, generated_at=next(in_person, None))
        facts = {"of_mailbox": "yes"} if newest.user_id == expected else {}
        seen = Text("seen.sign_in_ok", {"at": minute_of(newest.at)})
        return self.ok(seen, facts=facts, signals=signals)

    def _failed(self, newest: SignInRow, first: SignInRow, good: Sequence[SignInRow]) -> Finding:
        code = f"AADSTS{newest.code}"
        known = Signals(since=first.at, at=good[0].at) if good else Signals()
        signals = known | Signals(harmless_after=newest.at, token_lives=newest.personal)
        told = {"entra": f"{code}: {newest.reason}"}
        told |= {"conditional-access": ", ".join(newest.policies)} if newest.policies else {}
        told |= {"correlation-id": newest.correlation_id}
        evidence = tuple(Evidence(kind, text) for kind, text in told.items())
        seen = Text("seen.sign_in_failed", {"code": code, "at": minute_of(newest.at)})
        cause = newest.meaning.cause
        return self.wrong(seen, cause=cause, signals=signals, evidence=evidence)


def _of_this_channel(ctx: StepContext, rows: list[SignInRow]) -> list[SignInRow]:
    """Return the rows without those of people who sign in to the same app for other channels."""
    own = login_of(ctx.run).lower()
    if not own or all(row.user.lower() == own for row in rows):
        return rows
    others = {login_of(run).lower() for run in runs_of_others(ctx, ctx.fact("client_id"))} - {own}
    return [row for row in rows if row.user.lower() not in others]


class SmtpServer(Probe, row="smtp_server"):
    """Probe of greeting, certificate, STARTTLS and XOAUTH2 (platforms/microsoft.md 4)."""

    async def inspect(self, ctx: StepContext) -> Finding:
        server = ctx.settings.smtp_server
        probe = await ctx.memo.read("smtp_server", lambda: login_probe(server, "", ""))
        answers = Text("seen.smtp_answers", {"server": server})
        return finding_from_probe(self, probe, answers, probe.lines)


FRESH = timedelta(hours=1)
"""Time within which an answer shows that the server can be reached, if no mail waits."""


def finding_from_probe(
    step: Step, probe: SmtpProbe, good: Text, evidence: tuple[Evidence, ...]
) -> Finding:
    """Return ``good`` if the connection worked, else the server's words and the failed phase.

    If the connection itself fails, as behind our own firewall, an answer that left shows that only
    the bot is affected. A later failure is the server's reply: only a success from now on is newer.
    """
    if probe.ok:
        return step.ok(good, evidence=evidence)
    signals = Signals(harmless_after=now())
    if probe.failed_phase == "connect":
        signals = Signals(harmless_after=now() - FRESH, token_lives=True)
    return step.wrong(probe.seen, cause=probe.cause, signals=signals, evidence=evidence)


BY_LOG, BY_LOG_OR_ANSWERS = ("sign_ins",), ("sign_ins", "answers")
"""Findings that show a success of Webex Connect: the sign-in log, or an answer that leaves."""
GRANT = Cause.GRANT_INVALID
"""Cause of one token, whatever the user's others (platforms/microsoft.md 4, 5: AADSTS70000)."""
OF_THE_USER = frozenset({Cause.SESSION_REVOKED, GRANT, Cause.REFRESH_TOKEN_EXPIRED})
"""Causes that end both tokens, the bot's and Webex Connect's, which share the user and the app.

Source: platforms/microsoft.md 4, 8 row 4. If the bot's token was valid around the time when Webex
Connect's was generated, or later, only a new Generate Token disproves these causes, because a
successful renewal may be older than that end. ``GRANT`` is disproved by a later renewal. A token
that the bot has not used for 90 days has expired for that reason alone.
"""
SAME = timedelta(days=1)
"""Time from the rehearsal to Generate Token, in which no sign-in is revoked as a rule."""
OF_THE_ACCOUNT = frozenset({Cause.ACCOUNT_AT_RISK, Cause.ACCOUNT_DISABLED})
"""Causes that concern the account from any location (platforms/microsoft.md 5).

For a user's mailbox they affect Webex Connect too. For a shared one, whose own account is normally
blocked (2.1), the delegate's counts. ``mailbox_user`` shows what became shared since the setup, and
``sign_ins`` whether Webex Connect's newest sign-in was still by the mailbox's own account.
"""
POLICIES = "conditional_access"
"""Name of the probe that finds out whether a policy depends on the location."""
BEGINNING = datetime.min.replace(tzinfo=UTC)
RENEWED = timedelta(minutes=90)
"""Time within which Connect renews its token, so a success is valid (platforms/microsoft.md 4)."""


class LoginDiagnosis(Diagnosis):
    """Diagnosis of the bot's own login, which may fail for a reason that is not the channel's."""

    def is_uncertain(self, finding: Finding, findings: Mapping[str, Finding]) -> bool:
        """Return whether a failure of the bot's login may not affect Webex Connect.

        A policy for every location and a user's account affect both. A refused token does unless a
        sign-in log that was not read could show Webex Connect's.
        """
        policies, user = findings.get(POLICIES), findings.get("mailbox_user")
        log = findings.get("sign_ins", Finding("sign_ins", State.UNKNOWN))
        if finding.cause in patterns().groups["of_place"]:
            if policies is None or policies.state not in {State.OK, State.POSSIBLE}:
                return True
            return policies.signals.by_place
        if finding.cause == GRANT:
            told = {Reason.NO_SIGN_IN_LOG, Reason.NO_SIGN_IN}
            return log.state in {State.UNKNOWN, State.SKIPPED} and log.reason not in told
        if finding.cause not in OF_THE_ACCOUNT or user is None:
            return False
        others = "shared" in user.facts and "of_mailbox" not in log.facts
        return others or (finding.cause == Cause.ACCOUNT_DISABLED and user.state is State.OK)

    def disproved(self, finding: Finding) -> Finding:
        """Return that the login does not concern the channel; Entra's text stays as evidence."""
        of_place = finding.cause in patterns().groups["of_place"]
        why = "skipped.own_place" if of_place else "skipped.own_sign_in"
        return replace(super().disproved(finding), seen=Text(why))


class SmtpLogin(Probe, row="smtp_login"):
    """Probe that logs in with AUTH XOAUTH2 and a token from the rehearsal's refresh token."""

    diagnosis: LoginDiagnosis
    own: Mapping[str, tuple[str, ...]]
    """Causes that may affect only the bot's own login, and findings that prove the channel's."""

    async def inspect(self, ctx: StepContext) -> Finding:
        """Log in and disconnect, without sending anything.

        A failure of the bot's own secret and sign-in is only a possible cause. Exchange's refusals,
        and Entra's of the app, the account and the user's sign-ins, concern Webex Connect, too.
        Those of a place or one token need a further finding (:meth:`LoginDiagnosis.is_uncertain`).
        """
        brief = ctx.run.brief
        app = ctx.channel.tenant_id, brief.client_id
        # for a shared mailbox the delegate rehearsed
        names = (brief.delegate, ctx.channel.mailbox) if brief.shared else (brief.upn,)
        try:
            # a sign-in that another space's setup left is not this channel's
            probe = None if brief.discover else await mailbox_login.log_in(ctx, app, *names)
        except CloudError as error:
            if not error.is_of_service:  # only the bot may have no way to Entra
                raise
            signals, certain = _weight(ctx, error.cause)
            judged, words = self.wrong if certain else self.possible, verbatim(error.words)
            evidence = error.evidence()
            return judged(words, cause=error.cause, signals=signals, evidence=evidence)
        if probe is None:
            return self.skipped(Text("skipped.never_rehearsed"))
        return finding_from_probe(self, probe, probe.seen, probe.evidence)


def _weight(ctx: StepContext, cause: str) -> tuple[Signals, bool]:
    good = mailbox_login.last_success(ctx.store.redis, ctx.channel.mailbox)
    token_at = ctx.run.brief.token_at
    newest = max(filter(None, (good, token_at)), default=BEGINNING)
    # if the bot's token was valid when Webex Connect's was generated, or later, its end applies to
    # both, except for a shared mailbox, for which several users sign in
    both = good and not ctx.run.brief.shared and (token_at is None or token_at <= good + SAME)
    if cause in OF_THE_USER and both:
        if cause == GRANT:  # any later renewal disproves it, and Entra's log has whole seconds
            since = newest.replace(microsecond=0) - timedelta(microseconds=1)
            return Signals(disproved_by=BY_LOG, harmless_after=since), True
        return Signals(disproved_by=BY_LOG, harmless_after=newest, shown_by="generated_at"), True
    # 50053 has two meanings: a locked account, or an address that Microsoft considers malicious,
    # which may be the bot's (platforms/microsoft.md 5). What shows that a policy concerns only the
    # bot's location shows the same here, but no sign-in from before the lock.
    if cause in {*patterns().groups["of_place"], Cause.ACCOUNT_LOCKED}:
        return Signals(disproved_by=BY_LOG_OR_ANSWERS, as_of=POLICIES), True
    if cause in SmtpLogin.own and (ctx.run.brief.shared or cause not in OF_THE_ACCOUNT):
        later = max(newest, now() - RENEWED)
        return Signals(disproved_by=SmtpLogin.own[cause], harmless_after=later), False
    return Signals(), True


MODERN = {"all", "browser", "mobileappsanddesktopclients"}
"""Client types of Webex Connect; legacy ones do no OAuth (platforms/microsoft.md 2.1)."""
EXCHANGE = {"office365", graph.EXCHANGE_APP_ID}
RESOURCES = EXCHANGE | {"all"}


class ConditionalAccess(Probe, row="conditional_access"):
    """Probe for enabled policies that may stop token renewals from Webex Connect's addresses.

    Source: microsoft.md 2.1. A successful login, or an answer later than the newest change to
    the policies, shows that they do not stop them.
    """

    async def inspect(self, ctx: StepContext) -> Finding:
        """Match the policies; places, groups and devices are unknown here: at most possible."""
        policies = await ctx.graph.conditional_access_policies()
        user_id = ctx.fact("delegate_id") or ctx.fact("user_id")
        touching = [policy for policy in policies if touches(policy, user_id)]
        if not touching:
            return self.ok(Text("seen.no_policy"))
        names = {"names": ", ".join(text_of(policy, "displayName") for policy in touching)}
        seen, cause = Text("seen.policies", names), Cause.BLOCKED_BY_CONDITIONAL_ACCESS
        changed = [parse(text_of(each, "modifiedDateTime", "createdDateTime")) for each in touching]
        newest = max(filter(None, changed), default=None) if all(changed) else None
        proof = Signals(harmless_after=newest)
        if any(part_of(policy, "conditions").get("locations") for policy in touching):
            # the bot's login comes from another location, and a success of Webex Connect shows
            # that only the bot's is refused
            proof |= Signals(elsewhere_since=newest, by_place=True, disproved_by=("answers",))
        return self.possible(seen, cause=cause, signals=proof)


def touches(policy: Json, user_id: str) -> bool:
    """Return whether a policy is enabled, demands something, and covers this user and Exchange."""
    conditions = part_of(policy, "conditions")
    frequency = part_of(part_of(policy, "sessionControls"), "signInFrequency")
    often = bool(frequency) and frequency.get("isEnabled") is not False
    clients = lower_set(conditions.get("clientAppTypes")) or MODERN
    methods = text_of(part_of(conditions, "authenticationFlows"), "transferMethods").lower()
    flows = {each.strip() for each in methods.split(",")} - {"", "none"}  # none for all
    return (
        lower_of(policy, "state") == "enabled"  # and not only reported
        and (often or bool(policy.get("grantControls")))
        and not flows  # such as that of a device code, which is not Webex Connect's
        and bool(clients & MODERN)
        and _covers_user(part_of(conditions, "users"), user_id.lower())
        and _covers_exchange(part_of(conditions, "applications"))
    )


def _covers_user(users: Json, user_id: str) -> bool:
    """Return whether the policy is for this user, or may be so through a group or a role."""
    if user_id in lower_set(users.get("excludeUsers")):
        return False
    named = lower_set(users.get("includeUsers")) & {"all", user_id}
    return any((named, users.get("includeGroups"), users.get("includeRoles")))


def _covers_exchange(apps: Json) -> bool:
    if lower_set(apps.get("excludeApplications")) & EXCHANGE:
        return False
    included = lower_set(apps.get("includeApplications")) & RESOURCES
    return bool(included or apps.get("applicationFilter"))


class AuthenticationPolicy(Probe, row="authentication_policy"):
    """Probe for the authentication policy that applies to the mailbox user.

    Whether ``AllowBasicAuthSmtp`` off stops SMTP AUTH entirely is open, because the documents say
    both (microsoft.md 2.1). So a login decides, or an answer within the last hour.
    """

    async def inspect(self, ctx: StepContext) -> Finding:
        """Read the user's policy, which precedes the organization's, if there is any policy."""
        if ctx.many and not await ctx.exchange.run("Get-AuthenticationPolicy", {}):
            return self.ok(Text("seen.no_authentication_policy"))
        who = ctx.fact("delegate") or ctx.channel.mailbox
        of_user = ctx.exchange.run("Get-User", {"Identity": who})
        of_all = ctx.exchange.run("Get-OrganizationConfig", {})
        (user, *_), (organization, *_) = await asyncio.gather(of_user, of_all)
        usual = text_of(organization, "DefaultAuthenticationPolicy")
        name = text_of(user, "AuthenticationPolicy") or usual
        if not name:
            return self.ok(Text("seen.no_authentication_policy"))
        policy = named(await ctx.exchange.run("Get-AuthenticationPolicy", {}), name)
        if policy is None or str(policy.get("AllowBasicAuthSmtp")).lower() != "false":
            return self.ok(Text("seen.authentication_policy", {"name": name}))
        proof = Signals(harmless_after=now() - FRESH, token_lives=True)
        seen = Text("seen.authentication_policy_basic", {"name": name})
        return self.possible(seen, cause=Cause.SMTP_LOGIN_BLOCKED, signals=proof)


class Sessions(Probe, row="sessions"):
    """Probe for a revocation of sign-ins since the last Generate Token (microsoft.md 8 row 4)."""

    async def inspect(self, ctx: StepContext) -> Finding:
        """Compare the times of the revocation and of the last Generate Token, if both are known.

        For a shared mailbox the delegate got the token.
        """
        if ctx.fact("shared") and not ctx.fact("delegate_id"):
            return self.skipped(Text("skipped.delegate_unknown"))
        (valid_from, made), token_at = await dates_of_user(ctx), ctx.run.brief.token_at
        if valid_from is None or token_at is None:
            return self.skipped(Text("skipped.moment_unknown"))
        values = {"revoked": minute_of(valid_from), "token": minute_of(token_at)}
        if made and made > token_at:
            seen = Text("seen.account_made", values | {"made": minute_of(made)})
            return self.wrong(seen, cause=Cause.ACCOUNT_MADE_AGAIN, signals=Signals(since=made))
        if valid_from > token_at:
            seen, signals = Text("seen.revoked", values), Signals(since=valid_from)
            return self.wrong(seen, cause=Cause.SESSION_REVOKED, signals=signals)
        return self.ok(Text("seen.not_revoked", values))


NEEDED = frozenset({"smtp.send", "offline_access", "openid", "profile", "email", "user.read"})
"""Permissions of the form, of a sign-in, and those that the portal gives every app."""
DEFAULT_ACCESS = "00000000-0000-0000-0000-000000000000"
MOST_NAMES = 6


class Surplus(Probe, row="surplus"):
    """Probe for delegated grants and application permissions beyond those of the profile."""

    async def inspect(self, ctx: StepContext) -> Finding:
        """Read the granted permissions: declared ones cannot be used."""
        grants, assignments = await asyncio.gather(grants_of_app(ctx), role_assignments(ctx))
        article = ctx.channel.profile is Profile.ARTICLE
        allowed = {DEFAULT_ACCESS, ctx.fact("mail_send").lower() if article else DEFAULT_ACCESS}
        scopes = " ".join(text_of(grant, "scope") for grant in grants).split()
        more = {scope for scope in scopes if scope.lower() not in NEEDED}
        more |= {  # as API and id: no names are here
            f"{each.get('resourceDisplayName') or 'API'} {each.get('appRoleId')}"
            for each in assignments
            if lower_of(each, "appRoleId") not in allowed
        }
        if not more:
            return self.ok(Text("seen.no_surplus"))
        values = {"names": ", ".join(sorted(more)[:MOST_NAMES]), "count": str(len(more))}
        return replace(self.wrong(Text("seen.surplus", values)), state=State.WARNING)
