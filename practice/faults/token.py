"""Faults of refresh tokens (platforms/microsoft.md 4, 8 rows 4 and 10)."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Final

from practice.faults.fault_context import FaultContext, put
from practice.faults.model import Fault, Level

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


FAULTS: Final = (
    Fault(
        "sessions_revoked",
        "microsoft.md 8 row 4, 4 (revocation)",
        "an administrator revoked the sessions of the mailbox user",
        lambda ground: put(ground.user, sessions_valid_from=ground.world.now()),
        ("session_revoked",),
        "answer",
        "token",
    ),
    Fault(
        "token_idle",
        "microsoft.md 8 row 4; connect.md 4.3 (stops after weeks)",
        "nobody used the refresh tokens for ninety days",
        lambda ground: ground.age_tokens(91),
        ("refresh_token_expired",),
        "answer",
        "token",
    ),
    Fault(
        "token_kept",
        "microsoft.md 8 row 4, 4 (a client that keeps the first refresh token)",
        "Webex Connect kept its first refresh token, which is ninety-one days old",
        _own_is_old,
        ("refresh_token_expired",),
        "answer",
        "form",
        Level.UNSEEN,
    ),
    Fault(
        "tokens_invalid",
        "microsoft.md 5 (70000)",
        "Entra does not know the refresh tokens any more",
        _die,
        ("grant_invalid",),
        "answer",
        "token",
    ),
    Fault(
        "tokens_invalid_unlogged",
        "microsoft.md 5 (70000; the log needs Entra P1)",
        "Entra does not know the refresh tokens any more, and the tenant has no sign-in log",
        _die_unlogged,
        ("grant_invalid",),
        "answer",
        "token",
    ),
    Fault(
        "token_of_other_user",
        "microsoft.md 8 row 10; connect.md 4.3 (wrong mailbox token)",
        "somebody else signed in at Generate Token",
        lambda ground: ground.fill_in("agent@contoso.com"),
        ("wrong_mailbox_user", "smtp_token_refused"),
        "answer",
        "form",
    ),
)
