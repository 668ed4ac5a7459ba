"""Conditional Access policies that affect the mailbox user's sign-in to Exchange."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from jobs.causes.cause import Cause
from jobs.clock import parse
from jobs.clouds.json_values import lower_of, lower_set, part_of, text_of
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.step import Probe
from jobs.microsoft.graph import EXCHANGE_APP_ID
from jobs.model import Finding, Signals, Text

MODERN = {"all", "browser", "mobileappsanddesktopclients"}
"""Client types of Webex Connect; legacy ones do no OAuth (platforms/microsoft.md 2.1)."""
EXCHANGE = {"office365", EXCHANGE_APP_ID}
RESOURCES = EXCHANGE | {"all"}
BY_ANSWERS = ("answers",)
"""Findings that disprove a policy of a location, which the bot's login does not share."""


class ConditionalAccess(Probe):
    """Probe for enabled policies that may stop token renewals from Webex Connect's addresses.

    Source: microsoft.md 2.1. A successful login, or an answer later than the newest change to
    the policies, shows that they do not stop them.
    """

    name = "conditional_access"
    article_row = "CA"
    needs = ("mailbox_user", "delegate")
    reads = ("Policy.Read.All",)
    diagnosis = Diagnosis(
        explains=frozenset({Cause.BLOCKED_BY_CONDITIONAL_ACCESS}),
        disproved_by=("smtp_login", "answers"),
    )

    async def inspect(self, ctx: StepContext) -> Finding:
        """Match the policies; places, groups and devices are unknown here: at most possible."""
        policies = await ctx.graph.conditional_access_policies()
        user_id = ctx.fact("delegate_id") or ctx.fact("user_id")
        return self._judged([policy for policy in policies if touches(policy, user_id)])

    def _judged(self, touching: list[dict[str, Any]]) -> Finding:
        if not touching:
            return self.ok(Text("seen.no_policy"))
        names = {"names": ", ".join(text_of(policy, "displayName") for policy in touching)}
        return self.possible(
            Text("seen.policies", names),
            cause=Cause.BLOCKED_BY_CONDITIONAL_ACCESS,
            signals=_proof(touching),
        )


def touches(policy: dict[str, Any], user_id: str) -> bool:
    """Return whether a policy is enabled, demands something, and covers this user and Exchange."""
    return _is_in_force(policy) and _covers(part_of(policy, "conditions"), user_id.lower())


def _is_in_force(policy: dict[str, Any]) -> bool:
    """Return whether the policy is switched on, not only reported, and demands something."""
    return lower_of(policy, "state") == "enabled" and _demands(policy)


def _covers(conditions: dict[str, Any], user_id: str) -> bool:
    users, apps = part_of(conditions, "users"), part_of(conditions, "applications")
    return _is_for_oauth(conditions) and _covers_user(users, user_id) and _covers_exchange(apps)


def _is_for_oauth(conditions: dict[str, Any]) -> bool:
    """Return whether the policy is for sign-ins like Webex Connect's (not with a device code)."""
    clients = lower_set(conditions.get("clientAppTypes")) or MODERN
    return bool(clients & MODERN) and not _flows(conditions)


def _covers_user(users: dict[str, Any], user_id: str) -> bool:
    """Return whether the policy is for this user, or may be so through a group or a role."""
    if user_id in lower_set(users.get("excludeUsers")):
        return False
    named = lower_set(users.get("includeUsers")) & {"all", user_id}
    return any((named, users.get("includeGroups"), users.get("includeRoles")))


def _covers_exchange(apps: dict[str, Any]) -> bool:
    """Return whether the policy is for Exchange, or may be so through a filter."""
    if lower_set(apps.get("excludeApplications")) & EXCHANGE:
        return False
    return bool(
        lower_set(apps.get("includeApplications")) & RESOURCES or apps.get("applicationFilter")
    )


def _proof(policies: list[dict[str, Any]]) -> Signals:
    """Return the facts that say which success shows the policies to be harmless.

    ``harmless_after`` is the time from which an answer counts, if every policy has a date.
    ``by_place`` is set if a policy depends on the location, because the bot's login comes from
    another one. ``elsewhere_since`` is then the time from which a success of Webex Connect shows
    that only the bot's location is refused.
    """
    changed = list(map(_changed_at, policies))
    newest = max(filter(None, changed), default=None) if all(changed) else None
    if not any(part_of(policy, "conditions").get("locations") for policy in policies):
        return Signals(harmless_after=newest)
    return Signals(
        harmless_after=newest, elsewhere_since=newest, by_place=True, disproved_by=BY_ANSWERS
    )


def _changed_at(policy: dict[str, Any]) -> datetime | None:
    return parse(policy.get("modifiedDateTime") or policy.get("createdDateTime"))


def _demands(policy: dict[str, Any]) -> bool:
    """Return whether the policy demands something, be it a new sign-in (AADSTS70043)."""
    frequency = part_of(part_of(policy, "sessionControls"), "signInFrequency")
    return bool(policy.get("grantControls")) or (
        bool(frequency) and frequency.get("isEnabled") is not False
    )


def _flows(conditions: dict[str, Any]) -> set[str]:
    """Return the authentication flows that a policy is limited to; none for all."""
    named = text_of(part_of(conditions, "authenticationFlows"), "transferMethods")
    return {each.strip().lower() for each in named.split(",")} - {"", "none"}
