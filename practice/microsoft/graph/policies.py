"""Directory policies that a check reads (platforms/microsoft.md 1.2, 1.7, 2.1).

All of them are read-only here.
"""

from typing import Any, Final

from practice.microsoft.graph import limits, odata
from practice.microsoft.graph.call import POLICY_READ, Answer, Call, route

Json = dict[str, Any]
AUTHORIZATION: Final = frozenset(
    {
        "allowEmailVerifiedUsersToJoinOrganization",
        "allowInvitesFrom",
        "allowedToSignUpEmailBasedSubscriptions",
        "allowedToUseSSPR",
        "blockMsolPowerShell",
        "defaultUserRolePermissions",
        "guestUserRoleId",
        "displayName",
        "description",
    }
)
BLANK: Final[Json] = {
    "authenticationFlows": None,
    "clientAppTypes": ["all"],
    "clientApplications": None,
    "devices": None,
    "insiderRiskLevels": None,
    "locations": None,
    "platforms": None,
    "servicePrincipalRiskLevels": [],
    "signInRiskLevels": [],
    "userRiskLevels": [],
}
"""Conditions of a Conditional Access policy without any condition."""
BLANK_PARTS: Final[dict[str, Json]] = {
    "applications": {
        "applicationFilter": None,
        "excludeApplications": [],
        "includeApplications": [],
        "includeAuthenticationContextClassReferences": [],
        "includeUserActions": [],
    },
    "users": {
        "excludeGroups": [],
        "excludeGuestsOrExternalUsers": None,
        "excludeRoles": [],
        "excludeUsers": [],
        "includeGroups": [],
        "includeGuestsOrExternalUsers": None,
        "includeRoles": [],
        "includeUsers": [],
    },
}


@route("GET", "/policies/authorizationPolicy", POLICY_READ)
def authorization(call: Call) -> Answer:
    """Return the authorization policy.

    The policy says who may create apps, and to which permissions users may consent.
    """
    policies = call.tenant.policies
    permissions = {
        "allowedToCreateApps": policies.users_create_apps,
        "allowedToCreateSecurityGroups": True,
        "allowedToCreateTenants": True,
        "allowedToReadBitlockerKeysForOwnedDevice": True,
        "allowedToReadOtherUsers": True,
        "permissionGrantPoliciesAssigned": list(policies.consent),
    }
    item = {
        "id": "authorizationPolicy",
        "displayName": "Authorization Policy",
        "allowInvitesFrom": "everyone",
        "allowedToSignUpEmailBasedSubscriptions": True,
        "allowedToUseSSPR": True,
        "allowEmailVerifiedUsersToJoinOrganization": False,
        "blockMsolPowerShell": False,
        "defaultUserRolePermissions": permissions,
    }
    return odata.single(
        call, odata.select(call, item, AUTHORIZATION), "policies/authorizationPolicy"
    )


@route("GET", "/policies/identitySecurityDefaultsEnforcementPolicy", POLICY_READ)
def security_defaults(call: Call) -> Answer:
    """Return whether security defaults are enabled."""
    item = {
        "id": "00000000-0000-0000-0000-000000000005",
        "displayName": "Security Defaults",
        "description": (
            "Security defaults is a set of basic identity security mechanisms "
            "recommended by Microsoft."
        ),
        "isEnabled": call.tenant.policies.security_defaults,
    }
    known = frozenset(item)
    return odata.single(
        call, odata.select(call, item, known), "policies/identitySecurityDefaultsEnforcementPolicy"
    )


@route("GET", "/policies/defaultAppManagementPolicy", POLICY_READ)
def app_management(call: Call) -> Answer:
    """Return whether secrets are forbidden or must have a short lifetime."""
    item = {
        "id": "00000000-0000-0000-0000-000000000000",
        "displayName": "Default app management tenant policy",
        "description": (
            "Default tenant policy that enforces app management restrictions on "
            "applications and service principals."
        ),
        "isEnabled": False,
        "applicationRestrictions": {"passwordCredentials": [], "keyCredentials": []},
        "servicePrincipalRestrictions": {"passwordCredentials": [], "keyCredentials": []},
    } | call.tenant.policies.app_management
    return odata.single(
        call, odata.select(call, item, frozenset(item)), "policies/defaultAppManagementPolicy"
    )


@route(
    "GET",
    "/identity/conditionalAccess/policies",
    POLICY_READ | frozenset({"Policy.Read.ConditionalAccess"}),
)
def conditional_access(call: Call) -> Answer:
    """Return the Conditional Access policies."""
    limits.admit(call, limits.CONDITIONAL_ACCESS)
    allowed = {"state": odata.EQ, "displayName": odata.TEXT}
    found = odata.filtered(call, call.tenant.policies.conditional_access, allowed)
    return odata.listed(call, list(map(_whole, found)), "conditionalAccess/policies")


def _whole(policy: Json) -> Json:
    """Return a policy as Graph shows it, with all conditions.

    A condition that the policy does not have is blank.
    """
    given = policy.get("conditions") or {}
    parts = {name: blank | (given.get(name) or {}) for name, blank in BLANK_PARTS.items()}
    return policy | {"conditions": BLANK | given | parts, "deletedDateTime": None}
