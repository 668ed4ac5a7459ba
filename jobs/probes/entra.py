"""Entra's rules for the mailbox user's sign-in, revoked sign-ins, and superfluous grants."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from jobs.causes.cause import Cause
from jobs.channel.email_app import grants_of_app, role_assignments
from jobs.clock import now, parse
from jobs.clouds.json_values import lower_of, lower_set, part_of, text_of
from jobs.engine.step import Probe, StepContext
from jobs.microsoft.graph import EXCHANGE_APP_ID
from jobs.microsoft.outbound_spam import named
from jobs.model import Finding, Profile, Signals, State, Text, minute_of
from jobs.probes.smtp_login import FRESH

MODERN = {"all", "browser", "mobileappsanddesktopclients"}
"""Client types of Webex Connect; legacy ones do no OAuth (platforms/microsoft.md 2.1)."""
EXCHANGE = {"office365", EXCHANGE_APP_ID}
RESOURCES = EXCHANGE | {"all"}
BY_ANSWERS = ("answers",)
"""Findings that disprove a policy of a location, which the bot's login does not share."""


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
        return self.possible(seen, cause=cause, signals=_proof(touching))


def touches(policy: dict[str, Any], user_id: str) -> bool:
    """Return whether a policy is enabled, demands something, and covers this user and Exchange."""
    conditions = part_of(policy, "conditions")
    return (
        lower_of(policy, "state") == "enabled"  # and not only reported
        and _demands(policy)
        and _is_for_oauth(conditions)
        and _covers_user(part_of(conditions, "users"), user_id.lower())
        and _covers_exchange(part_of(conditions, "applications"))
    )


def _is_for_oauth(conditions: dict[str, Any]) -> bool:
    """Return whether the policy is for sign-ins like Webex Connect's (not with a device code)."""
    clients = lower_set(conditions.get("clientAppTypes")) or MODERN
    named = text_of(part_of(conditions, "authenticationFlows"), "transferMethods").lower()
    flows = {each.strip() for each in named.split(",")} - {"", "none"}  # none for all
    return bool(clients & MODERN) and not flows


def _covers_user(users: dict[str, Any], user_id: str) -> bool:
    """Return whether the policy is for this user, or may be so through a group or a role."""
    if user_id in lower_set(users.get("excludeUsers")):
        return False
    named = lower_set(users.get("includeUsers")) & {"all", user_id}
    return any((named, users.get("includeGroups"), users.get("includeRoles")))


def _covers_exchange(apps: dict[str, Any]) -> bool:
    if lower_set(apps.get("excludeApplications")) & EXCHANGE:
        return False
    return bool(
        lower_set(apps.get("includeApplications")) & RESOURCES or apps.get("applicationFilter")
    )


def _proof(policies: list[dict[str, Any]]) -> Signals:
    """Return which success shows the policies to be harmless, if every policy has a date.

    If a policy depends on the location, the bot's login comes from another one. A success of Webex
    Connect then shows that only the bot's location is refused.
    """
    changed = [
        parse(each.get("modifiedDateTime") or each.get("createdDateTime")) for each in policies
    ]
    newest = max(filter(None, changed), default=None) if all(changed) else None
    if not any(part_of(policy, "conditions").get("locations") for policy in policies):
        return Signals(harmless_after=newest)
    return Signals(
        harmless_after=newest, elsewhere_since=newest, by_place=True, disproved_by=BY_ANSWERS
    )


def _demands(policy: dict[str, Any]) -> bool:
    frequency = part_of(part_of(policy, "sessionControls"), "signInFrequency")
    return bool(policy.get("grantControls")) or (
        bool(frequency) and frequency.get("isEnabled") is not False
    )


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
        (user, *_), (organization, *_) = await asyncio.gather(
            ctx.exchange.run("Get-User", {"Identity": who}),
            ctx.exchange.run("Get-OrganizationConfig", {}),
        )
        name = text_of(user, "AuthenticationPolicy") or text_of(
            organization, "DefaultAuthenticationPolicy"
        )
        if not name:
            return self.ok(Text("seen.no_authentication_policy"))
        policy = named(await ctx.exchange.run("Get-AuthenticationPolicy", {}), name)
        forbids = policy is not None and str(policy.get("AllowBasicAuthSmtp")).lower() == "false"
        if not forbids:
            return self.ok(Text("seen.authentication_policy", {"name": name}))
        proof = Signals(harmless_after=now() - FRESH, token_lives=True)
        seen = Text("seen.authentication_policy_basic", {"name": name})
        return self.possible(seen, cause=Cause.SMTP_LOGIN_BLOCKED, signals=proof)


class Sessions(Probe, row="sessions"):
    """Probe that checks whether the user's sign-ins were revoked after the last Generate Token.

    That is so if ``signInSessionsValidFromDateTime`` is later than the token. Source:
    platforms/microsoft.md 8 row 4.
    """

    async def inspect(self, ctx: StepContext) -> Finding:
        """Compare the times of the revocation and of the last Generate Token, if both are known.

        For a shared mailbox the delegate got the token.
        """
        if ctx.fact("shared") and not ctx.fact("delegate_id"):
            return self.skipped(Text("skipped.delegate_unknown"))
        user = await _user(ctx)
        valid_from = parse(user.get("signInSessionsValidFromDateTime"))
        token_at = ctx.run.brief.token_at
        if valid_from is None or token_at is None:
            return self.skipped(Text("skipped.moment_unknown"))
        values = {"revoked": minute_of(valid_from), "token": minute_of(token_at)}
        if valid_from > token_at:
            seen, signals = Text("seen.revoked", values), Signals(since=valid_from)
            return self.wrong(seen, cause=Cause.SESSION_REVOKED, signals=signals)
        return self.ok(Text("seen.not_revoked", values))


async def _user(ctx: StepContext) -> dict[str, Any]:
    """Return the user who signs in; for many channels, the mailbox's own is in memory."""
    known = ctx.fact("delegate_id") or ctx.fact("user_id") or ctx.channel.mailbox
    if ctx.many:
        read = await ctx.graph.user(ctx.channel.mailbox) or {}
        if text_of(read, "id") == known:
            return read
    return await ctx.graph.user(known) or {}


NEEDED = frozenset({"smtp.send", "offline_access", "openid", "profile", "email", "user.read"})
"""Permissions of the form, of a sign-in, and those that the portal gives every app."""
DEFAULT_ACCESS = "00000000-0000-0000-0000-000000000000"
MOST_NAMES = 6


class Surplus(Probe, row="surplus"):
    """Probe for delegated grants and application permissions beyond those of the profile."""

    async def inspect(self, ctx: StepContext) -> Finding:
        """Read the granted permissions: declared ones cannot be used."""
        grants, assignments = await asyncio.gather(grants_of_app(ctx), role_assignments(ctx))
        allowed = {DEFAULT_ACCESS} | (
            {ctx.fact("mail_send").lower()} if ctx.channel.profile is Profile.ARTICLE else set()
        )
        more = sorted({*_scopes(grants), *_roles(assignments, allowed)})
        if not more:
            return self.ok(Text("seen.no_surplus"))
        values = {"names": ", ".join(more[:MOST_NAMES]), "count": str(len(more))}
        return replace(self.wrong(Text("seen.surplus", values)), state=State.WARNING)


def _scopes(grants: Iterable[dict[str, Any]]) -> set[str]:
    scopes = " ".join(text_of(grant, "scope") for grant in grants).split()
    return {scope for scope in scopes if scope.lower() not in NEEDED}


def _roles(assignments: Iterable[dict[str, Any]], allowed: set[str]) -> set[str]:
    """Return further application permissions as API and id; no names are here."""
    return {
        f"{each.get('resourceDisplayName') or 'API'} {each.get('appRoleId')}"
        for each in assignments
        if lower_of(each, "appRoleId") not in allowed
    }
