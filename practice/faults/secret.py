"""Faults of client secrets (platforms/microsoft.md 1.2, 8 rows 3 and 5)."""

from collections.abc import Callable
from typing import Final
from urllib.parse import quote

from practice.faults.fault_context import FaultContext, put
from practice.faults.model import described

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


FAULTS: Final = described(
    {
        "secret_expired": _ends(-1),
        "secrets_all_expired": _ends(-2, all_of_them=True),
        "secret_removed": lambda ground: ground.set_secrets(lambda _secret: None),
        "secrets_all_removed": lambda ground: ground.set_secrets(
            lambda _secret: None, all_of_them=True
        ),
        "secret_expires_soon": _ends(10),
        "secret_id_pasted": _secret_id,
        "secret_id_pasted_other_log": _unnumbered,
        "secret_encoded": _encoded,
        "secrets_forbidden": lambda ground: put(ground.policies, app_management=FORBIDDEN),
    }
)
