"""Faults of client secrets (platforms/microsoft.md 1.2, 8 rows 3 and 5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import quote

from practice.faults.fault_context import FaultContext, put
from practice.faults.model import Fault, Level

FORBIDDEN: Final = {
    "isEnabled": True,
    "applicationRestrictions": {
        "passwordCredentials": [
            {"restrictionType": "passwordAddition", "state": "enabled", "maxLifetime": None}
        ],
        "keyCredentials": [],
    },
}


def _ends(days: float, *, all_of_them: bool = False) -> Callable[[FaultContext], None]:
    return lambda ground: ground.set_secrets(ground.ends(days), all_of_them=all_of_them)


def _secret_id(ground: FaultContext) -> None:
    used = ground.connect.fields["client_secret"]
    ground.fill_in(
        client_secret=next(key for key, secret in ground.world.secrets.items() if secret == used)
    )


def _encoded(ground: FaultContext) -> None:
    ground.fill_in(
        client_secret=quote(ground.connect.fields["client_secret"], safe="").replace("~", "%7E")
    )


def _unnumbered(ground: FaultContext) -> None:
    """Use the secret's ID as the secret, in a tenant whose sign-in log has its own request numbers.

    The log then also lists the bot's own renewal, without a request number to identify it.
    """
    put(ground.tenant, log_numbers_itself=True)
    _secret_id(ground)


FAULTS: Final = (
    Fault(
        "secret_expired",
        "microsoft.md 8 row 3",
        "the secret of Webex Connect has expired",
        _ends(-1),
        ("client_secret_expired",),
        "answer",
        "secret",
    ),
    Fault(
        "secrets_all_expired",
        "microsoft.md 8 row 3",
        "every secret of the app has expired, the bot's too",
        _ends(-2, all_of_them=True),
        ("client_secret_expired",),
        "answer",
        "secret",
    ),
    Fault(
        "secret_removed",
        "microsoft.md 4 (rotation order)",
        "the secret of Webex Connect was removed from the app",
        lambda ground: ground.set_secrets(lambda _secret: None),
        ("client_secret_gone", "client_secret_wrong"),
        "answer",
        "secret",
    ),
    Fault(
        "secrets_all_removed",
        "microsoft.md 4 (rotation order)",
        "every secret was removed from the app",
        lambda ground: ground.set_secrets(lambda _secret: None, all_of_them=True),
        ("client_secret_gone", "client_secret_wrong"),
        "answer",
        "secret",
    ),
    Fault(
        "secret_expires_soon",
        "microsoft.md 8 row 3",
        "the secret of Webex Connect ends in ten days",
        _ends(10),
        ("client_secret_expires_soon",),
        "",
        "secret",
        Level.NOTED,
    ),
    Fault(
        "secret_id_pasted",
        "microsoft.md 8 row 5",
        "the secret's ID stands in the form in place of its value",
        _secret_id,
        ("client_secret_wrong",),
        "answer",
        "form",
    ),
    Fault(
        "secret_id_pasted_other_log",
        "microsoft.md 8 row 5, 5 (sign-in log)",
        (
            "the same, and the rows of the sign-in log have numbers of their own, so "
            "that none names the bot's own renewals"
        ),
        _unnumbered,
        ("client_secret_wrong",),
        "answer",
        "form",
    ),
    Fault(
        "secret_encoded",
        "microsoft.md 8 row 5, 1.2",
        "the secret stands in the form with its signs encoded",
        _encoded,
        ("client_secret_wrong",),
        "answer",
        "form",
    ),
    Fault(
        "secrets_forbidden",
        "microsoft.md 1.2 (app management policy)",
        "a policy forbids new client secrets; the one in use goes on working",
        lambda ground: put(ground.policies, app_management=FORBIDDEN),
        ("secret_forbidden_by_policy",),
        "",
        "secret_policy",
        Level.NOTED,
    ),
)
