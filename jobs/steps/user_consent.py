"""Step E7: whether users may consent to apps.

The policy is only read: it is tenant-wide, and the grant of E5 makes it irrelevant.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jobs.channel.email_app import smtp_send_permission
from jobs.clouds.errors import Forbidden, NotFound, Rejected
from jobs.clouds.json_values import lower_of, lower_set
from jobs.engine.context import StepContext
from jobs.engine.diagnosis import Diagnosis
from jobs.engine.step import Step
from jobs.model import Finding, Text

OWN = "managepermissiongrantsforself."
RECOMMENDED = "microsoft-user-default-recommended"
ALLOWS = {
    "microsoft-user-default-legacy": "yes",
    RECOMMENDED: "yes",
    "microsoft-user-default-low": "classified",
    "microsoft-user-default-allow-consent-apps": "no",
}
"""Meaning of each of Microsoft's own policies for SMTP.Send, as documented. The recommended one's
exclusions may change.
"""


class UserConsent(Step):
    """Step E7: the tenant's user-consent policy, in words (platforms/microsoft.md 1.7)."""

    name = "user_consent"
    article_row = "E7"
    group = "entra"
    needs = ("permissions",)
    reads = ("Policy.Read.All",)
    diagnosis = Diagnosis(stops_mail=False)

    async def inspect(self, ctx: StepContext) -> Finding:
        """Read the policy of user consent, on which the channel does not depend."""
        try:
            mine = assigned(await ctx.graph.authorization_policy())
        except (Forbidden, NotFound, Rejected):
            return self.skipped(Text("skipped.policy_not_readable"))
        left_out = RECOMMENDED in mine and await self._left_out(ctx)
        return self.ok(
            Text(f"seen.user_consent_{allows(mine - {RECOMMENDED} if left_out else mine)}")
        )

    async def _left_out(self, ctx: StepContext) -> bool:
        """Return whether Microsoft's own policy excludes SMTP.Send now; False if unreadable."""
        try:
            return leaves_out(
                await ctx.graph.consent_policy_excludes(RECOMMENDED), *smtp_send_permission(ctx)
            )
        except (Forbidden, NotFound, Rejected):
            return False


def assigned(policy: dict[str, Any]) -> frozenset[str]:
    """Return the policies for users' own consent; their prefix has two spellings."""
    role = policy.get("defaultUserRolePermissions")
    names = (
        lower_set(role.get("permissionGrantPoliciesAssigned")) if isinstance(role, dict) else set()
    )
    return frozenset(name.removeprefix(OWN) for name in names if name.startswith(OWN))


def allows(policies: frozenset[str]) -> str:
    """Return ``yes``, ``classified`` (low-risk permissions only), ``custom`` or ``no``."""
    found = {ALLOWS.get(name, "custom") for name in policies} or {"no"}
    return next(answer for answer in ("yes", "classified", "custom", "no") if answer in found)


def leaves_out(sets: Iterable[dict[str, Any]], resource: str, permission: str) -> bool:
    """Return whether a condition set contains this delegated permission for every client app."""
    return any(_holds(each, resource.lower(), permission.lower()) for each in sets)


def _holds(condition_set: dict[str, Any], resource: str, permission: str) -> bool:
    return (
        lower_of(condition_set, "permissionType").startswith("delegated")
        and lower_of(condition_set, "resourceApplication") in {"", "any", resource}
        and bool(lower_set(condition_set.get("permissions")) & {"all", permission})
        and lower_set(condition_set.get("clientApplicationIds")) <= {"all"}
    )
