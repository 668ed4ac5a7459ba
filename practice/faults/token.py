"""Faults of refresh tokens (platforms/microsoft.md 4, 8 rows 4 and 10)."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Final

from practice.faults.fault_context import FaultContext, put
from practice.faults.model import described

NO_LOG: Final = json.dumps(
    {
        "error": {
            "code": "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
            "message": "The tenant has no premium license.",
        }
    }
)


def _die(ground: FaultContext) -> None:
    ground.set_tokens(lambda record: replace(record, dead=True))


def _die_unlogged(ground: FaultContext) -> None:
    """Invalidate the tokens in a tenant without Entra P1, so its sign-in log cannot be read."""
    _die(ground)
    for version in ("v1.0", "beta"):
        ground.answer(f"/graph/{version}/auditLogs", 403, NO_LOG)


def _own_is_old(ground: FaultContext) -> None:
    """Make only Webex Connect's own token old, as if Webex Connect had kept its first one."""
    tokens, own = ground.cloud.vault.refresh, ground.connect.refresh_token
    tokens[own] = replace(tokens[own], at=tokens[own].at - timedelta(days=91))


FAULTS: Final = described(
    {
        "sessions_revoked": lambda ground: put(ground.user, sessions_valid_from=ground.world.now()),
        "token_idle": lambda ground: ground.age_tokens(91),
        "token_kept": _own_is_old,
        "tokens_invalid": _die,
        "tokens_invalid_unlogged": _die_unlogged,
        "token_of_other_user": lambda ground: ground.fill_in("agent@contoso.com"),
    }
)
