"""E7: whether users may consent to apps. Only ever read: the policy is tenant-wide, and the grant of E5 makes it irrelevant."""

from __future__ import annotations

from jobs.microsoft.errors import NotAllowed, NotFound, Rejected
from jobs.model import Finding, Words
from jobs.step import Context, Step

OWN = "managepermissiongrantsforself."
ALLOWS = {
    "microsoft-user-default-legacy": "yes",
    "microsoft-user-default-recommended": "yes",
    "microsoft-user-default-low": "classified",
    "microsoft-user-default-allow-consent-apps": "no",
}


class UserConsent(Step):
    """The tenant's user-consent policy, in plain words (facts/microsoft.md 1.7)."""

    name = "user_consent"
    row = "E7"
    group = "entra"
    checked = True
    essential = False
    reads = ("Policy.Read.All",)

    async def inspect(self, ctx: Context) -> Finding:
        """Read it; whatever it says, this channel does not depend on it."""
        try:
            policy = await ctx.graph.authorization_policy()
        except (NotAllowed, NotFound, Rejected):
            return self.skipped(Words("skipped.policy_not_readable"))
        return self.ok(Words(f"seen.user_consent_{allows(policy)}"))


def allows(policy: dict[str, object]) -> str:
    """``yes``, ``no``, ``classified`` (low-risk permissions only) or ``custom``; the docs write the prefix in two cases."""
    role = policy.get("defaultUserRolePermissions")
    assigned = role.get("permissionGrantPoliciesAssigned") if isinstance(role, dict) else None
    mine = [str(name).lower().removeprefix(OWN) for name in assigned or () if str(name).lower().startswith(OWN)]
    found = {ALLOWS.get(name, "custom") for name in mine} or {"no"}
    return next(answer for answer in ("yes", "classified", "custom", "no") if answer in found)
