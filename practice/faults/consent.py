"""Faults of consent and grants (platforms/microsoft.md 1.5 to 1.7, 8 row 7)."""

from typing import Final

from practice.faults.fault_context import FaultContext, Json, put
from practice.faults.model import described
from practice.microsoft import ids
from practice.microsoft.world import first

NEVER: Final[list[str]] = []


def _exchange_sp(ground: FaultContext) -> str:
    found = first(ground.tenant.principals.written(), {"appId": ids.EXCHANGE_APP})
    return str(found["id"]) if found else ""


def _without_smtp(ground: FaultContext, grant: Json) -> Json | None:
    """Return the grant of Exchange without SMTP.Send, as after a PATCH that replaced its scopes.

    Any other grant is returned unchanged.
    """
    return (
        grant | {"scope": "IMAP.AccessAsUser.All"}
        if grant["resourceId"] == _exchange_sp(ground)
        else grant
    )


def _consent_off(ground: FaultContext) -> None:
    put(ground.policies, consent=NEVER)
    ground.set_grants(lambda _grant: None)
    ground.generate(ground.mailbox)


def _declined(ground: FaultContext) -> None:
    ground.set_grants(lambda _grant: None)
    ground.generate(ground.mailbox, "decline")


def _revoked(ground: FaultContext) -> None:
    for row in list(ground.tenant.assignments.written()):
        if row["principalId"] == ground.principal["id"]:
            ground.tenant.assignments.drop(row["id"])


FAULTS: Final = described(
    {
        "grant_removed": lambda ground: ground.set_grants(lambda _grant: None),
        "grant_replaced": lambda ground: ground.set_grants(
            lambda grant: _without_smtp(ground, grant)
        ),
        "grant_of_other_user": lambda ground: ground.set_grants(
            lambda grant: grant | {"consentType": "Principal", "principalId": ground.other().id}
        ),
        "user_consent_off": _consent_off,
        "consent_declined": _declined,
        "admin_consent_revoked": _revoked,
        "exchange_service_missing": lambda ground: ground.tenant.principals.drop(
            _exchange_sp(ground)
        ),
    }
)
