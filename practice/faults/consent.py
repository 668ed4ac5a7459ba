"""Faults of consent and grants (platforms/microsoft.md 1.5 to 1.7, 8 row 7)."""

from __future__ import annotations

from typing import Final

from practice.faults.fault_context import FaultContext, Json, put
from practice.faults.model import Fault, Level
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


FAULTS: Final = (
    Fault(
        "grant_removed",
        "microsoft.md 8 row 7, 1.5",
        "the consent of the app was removed",
        lambda ground: ground.set_grants(lambda _grant: None),
        ("consent_missing",),
        "answer",
        "grant",
    ),
    Fault(
        "grant_replaced",
        "microsoft.md 1.5 (scope is replaced)",
        "a change of the grant replaced SMTP.Send",
        lambda ground: ground.set_grants(lambda grant: _without_smtp(ground, grant)),
        ("consent_missing",),
        "answer",
        "grant",
    ),
    Fault(
        "grant_of_other_user",
        "microsoft.md 1.5 (Principal)",
        "the grant is for another user",
        lambda ground: ground.set_grants(
            lambda grant: grant | {"consentType": "Principal", "principalId": ground.other().id}
        ),
        ("consent_missing",),
        "answer",
        "grant",
    ),
    Fault(
        "user_consent_off",
        "microsoft.md 8 row 7, 1.7; connect.md 4.3 (consent screen error)",
        "users may not consent, the grant is gone, and Generate Token ends with Need admin approval",
        _consent_off,
        ("consent_missing", "admin_consent_required"),
        "answer",
        "grant",
    ),
    Fault(
        "consent_declined",
        "microsoft.md 5 (65004)",
        "the grant is gone, and the user declined at Generate Token",
        _declined,
        ("consent_missing", "consent_declined"),
        "answer",
        "grant",
    ),
    Fault(
        "admin_consent_revoked",
        "microsoft.md 1.6, 1.8",
        "the admin consent for Mail.Send was revoked; mail flows without it",
        _revoked,
        ("admin_consent_required",),
        "",
        "permissions",
        Level.NOTED,
    ),
    Fault(
        "exchange_service_missing",
        "microsoft.md 1.3, 5 (500011)",
        "the tenant has lost the service principal of Exchange Online",
        lambda ground: ground.tenant.principals.drop(_exchange_sp(ground)),
        ("exchange_service_missing",),
        "answer",
        "exchange_sp",
    ),
)
