"""Faults of sign-in permissions and conditions (platforms/microsoft.md 2.1, 5, 8 row 8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from practice.faults.fault_context import FaultContext, Json, put
from practice.faults.model import Fault
from practice.microsoft import ids
from practice.microsoft.world import new_id, stamp

ROW: Final = "microsoft.md 8 row 8, 2.1, 5"


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

FAULTS: Final = (
    Fault(
        "security_defaults_on",
        ROW,
        "security defaults are on and lock SMTP",
        lambda ground: put(ground.policies, security_defaults=True),
        ("blocked_by_security_defaults",),
        "answer",
        "access",
    ),
    Fault(
        "ca_blocks",
        ROW,
        "a Conditional Access policy blocks the mailbox user",
        _policy("Block legacy", grantControls=controls("block")),
        ("blocked_by_conditional_access",),
        "answer",
        "access",
    ),
    Fault(
        "ca_asks_mfa",
        ROW,
        "a Conditional Access policy asks for a second factor, which a refresh cannot give",
        _policy("MFA for all", grantControls=controls("mfa")),
        ("mfa_needed", "blocked_by_conditional_access"),
        "answer",
        "access",
    ),
    Fault(
        "ca_asks_device",
        ROW,
        "a Conditional Access policy accepts managed devices only",
        _policy("Managed devices", grantControls=controls("compliantDevice")),
        ("device_not_accepted", "blocked_by_conditional_access"),
        "answer",
        "access",
    ),
    Fault(
        "ca_asks_often",
        ROW,
        "a Conditional Access policy wants a new sign-in every hour",
        _policy("Sign in hourly", sessionControls=FREQUENT),
        ("sign_in_frequency", "blocked_by_conditional_access"),
        "answer",
        "access",
    ),
    Fault(
        "account_disabled",
        "microsoft.md 2.1, 5 (50057)",
        "sign-in of the mailbox user is blocked",
        _account(enabled=False),
        ("account_disabled",),
        "answer",
        "account",
    ),
    Fault(
        "account_disabled_alone",
        "microsoft.md 2.1, 5 (50057)",
        "sign-in of the mailbox user is blocked, and nobody signs in to the check",
        _account(enabled=False),
        ("account_disabled",),
        "answer",
        "account",
        alone=True,
    ),
    Fault(
        "account_locked",
        "microsoft.md 5 (50053)",
        "the account is locked",
        _account(sign_in_error=50053),
        ("account_locked",),
        "answer",
        "access",
    ),
    Fault(
        "password_expired",
        "microsoft.md 5 (50055)",
        "the password of the mailbox user has expired",
        _account(sign_in_error=50055),
        ("password_expired",),
        "answer",
        "access",
    ),
    Fault(
        "account_at_risk",
        "microsoft.md 5 (53011)",
        "the account was flagged as at risk",
        _account(sign_in_error=53011),
        ("account_at_risk",),
        "answer",
        "access",
    ),
)
