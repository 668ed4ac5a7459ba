"""Refresh tokens (facts/microsoft.md 4, 9 rows 4 and 10)."""

from __future__ import annotations

from typing import Final

from practice.faults.ground import Ground, put
from practice.faults.model import Fault, Level


def _own(ground: Ground, days: float) -> None:
    """Only Webex Connect's own token grows old: it kept the first one it ever got."""
    record = ground.cloud.vault.refresh[ground.connect.refresh_token]
    ground.age_tokens(days)
    fresh = {text: each for text, each in ground.cloud.vault.refresh.items() if text != ground.connect.refresh_token}
    ground.cloud.vault.refresh.update({text: record for text, each in fresh.items() if each.client_id == record.client_id})


FAULTS: Final = (
    Fault(
        "sessions_revoked",
        "microsoft.md 9 row 4, 4 (revocation)",
        "an administrator revoked the sessions of the mailbox user",
        lambda ground: put(ground.user, sessions_valid_from=ground.world.now()),
        ("session_revoked",),
        "answer",
        "token",
    ),
    Fault(
        "token_idle",
        "microsoft.md 9 row 4; connect.md 4.3 (stops after weeks)",
        "nobody used the refresh tokens for ninety days",
        lambda ground: ground.age_tokens(91),
        ("refresh_token_expired",),
        "answer",
        "token",
    ),
    Fault(
        "token_kept",
        "microsoft.md 9 row 4, 4 (a client that keeps the first refresh token)",
        "Webex Connect kept its first refresh token, which is ninety-one days old",
        lambda ground: _own(ground, 91),
        ("refresh_token_expired",),
        "answer",
        "form",
        Level.UNSEEN,
    ),
    Fault(
        "tokens_invalid",
        "microsoft.md 5 (70000)",
        "Entra does not know the refresh tokens any more",
        lambda ground: ground.set_tokens(lambda _record: None),
        ("grant_invalid",),
        "answer",
        "token",
    ),
    Fault(
        "token_of_other_user",
        "microsoft.md 9 row 10; connect.md 4.3 (wrong mailbox token)",
        "somebody else signed in at Generate Token",
        lambda ground: ground.fill_in("agent@contoso.com"),
        ("wrong_mailbox_user", "smtp_token_refused"),
        "answer",
        "form",
    ),
)
