"""Faults of sign-in permissions and conditions (platforms/microsoft.md 2.1, 5, 8 row 8)."""

from collections.abc import Callable
from typing import Any, Final

from practice.faults.fault_context import FaultContext, Json, put
from practice.faults.model import described
from practice.microsoft import ids
from practice.microsoft.world import new_id, stamp


def conditional(ground: FaultContext, name: str, state: str = "enabled", **more: Any) -> Json:
    """Return a Conditional Access policy for the mailbox user and Exchange, created now."""
    users = {
        "includeUsers": [ground.user.id],
        "excludeUsers": [],
        "includeGroups": [],
        "excludeGroups": [],
    }
    apps = {"includeApplications": [ids.EXCHANGE_APP], "excludeApplications": []}
    conditions = {
        "users": users,
        "applications": apps,
        "clientAppTypes": ["all"],
        "locations": None,
        "platforms": None,
    }
    policy = {
        "id": new_id(),
        "displayName": name,
        "state": state,
        "conditions": conditions,
        "grantControls": None,
        "sessionControls": None,
    }
    return policy | {"createdDateTime": stamp(ground.world.now()), "modifiedDateTime": None} | more


def controls(*names: str) -> Json:
    """Return the grant controls that a policy requires."""
    return {"operator": "OR", "builtInControls": list(names)}


def _policy(name: str, **more: Any) -> Callable[[FaultContext], None]:
    return lambda ground: ground.policies.conditional_access.append(
        conditional(ground, name, **more)
    )


def _account(**values: Any) -> Callable[[FaultContext], None]:
    return lambda ground: put(ground.user, **values)


FREQUENT: Final = {"signInFrequency": {"isEnabled": True, "type": "hours", "value": 1}}

FAULTS: Final = described(
    {
        "security_defaults_on": lambda ground: put(ground.policies, security_defaults=True),
        "ca_blocks": _policy("Block legacy", grantControls=controls("block")),
        "ca_asks_mfa": _policy("MFA for all", grantControls=controls("mfa")),
        "ca_asks_device": _policy("Managed devices", grantControls=controls("compliantDevice")),
        "ca_asks_often": _policy("Sign in hourly", sessionControls=FREQUENT),
        "account_disabled": _account(enabled=False),
        "account_disabled_alone": _account(enabled=False),
        "account_locked": _account(sign_in_error=50053),
        "password_expired": _account(sign_in_error=50055),
        "account_at_risk": _account(sign_in_error=53011),
    }
)
