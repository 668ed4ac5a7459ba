"""Faults of the app registration and its service principal.

Source: platforms/microsoft.md 1.1, 1.3, 8 rows 6 and 9.
"""

from __future__ import annotations

from typing import Any, Final

from practice.faults.fault_context import FaultContext, Json
from practice.faults.model import Fault, Level
from practice.microsoft import ids
from practice.microsoft.world import new_id

FOREIGN_ID: Final = "258f6531-6087-4cc4-bb90-092c5fb3ed3f"


def _redirects(ground: FaultContext, uris: list[str]) -> None:
    ground.set_app(web=ground.app["web"] | {"redirectUris": uris})
    ground.generate(ground.mailbox)


def _other_uris(ground: FaultContext) -> list[str]:
    return [uri for uri in ground.app["web"]["redirectUris"] if uri != ground.connect.callback_url]


def _spa(ground: FaultContext) -> None:
    ground.set_app(spa={"redirectUris": [ground.connect.callback_url]})
    _redirects(ground, _other_uris(ground))


def _also_spa(ground: FaultContext) -> None:
    ground.set_app(spa={"redirectUris": [ground.connect.callback_url]})
    ground.age_tokens(2)


def _assigned_only(ground: FaultContext) -> None:
    ground.set_principal(appRoleAssignmentRequired=True)
    ground.generate(ground.mailbox)


def _foreign_permission(ground: FaultContext) -> None:
    access: list[Json] = [{"id": FOREIGN_ID, "type": "Scope"}]
    ground.set_app(
        requiredResourceAccess=[{"resourceAppId": ids.EXCHANGE_APP, "resourceAccess": access}]
    )


def _create_again(ground: FaultContext) -> None:
    """Delete the app and create it again with the same name and another client ID."""
    principal, number = ground.principal, new_id()
    ground.set_app(appId=number)
    ground.tenant.principals.seed(principal | {"appId": number, "servicePrincipalNames": [number]})


def _shut(ground: FaultContext, **fields: Any) -> None:
    """Set the fields on the app registration and on its service principal."""
    ground.set_principal(**fields)
    ground.set_app(**fields)


FAULTS: Final = (
    Fault(
        "app_deleted",
        "microsoft.md 5 (700016)",
        "the app registration was deleted",
        lambda ground: ground.tenant.applications.drop(ground.app["id"]),
        ("app_not_found",),
        "answer",
        "app",
    ),
    Fault(
        "app_made_anew",
        "microsoft.md 8 row 9",
        "the app was created again and has another client ID than the form",
        _create_again,
        ("app_not_found",),
        "answer",
        "app",
    ),
    Fault(
        "principal_deleted",
        "microsoft.md 1.3, 5 (700016)",
        "the enterprise application was deleted",
        lambda ground: ground.tenant.principals.drop(ground.principal["id"]),
        ("service_principal_missing",),
        "answer",
        "principal",
    ),
    Fault(
        "principal_disabled",
        "microsoft.md 1.3, 5 (7000112)",
        "sign-in to the enterprise application is switched off",
        lambda ground: ground.set_principal(accountEnabled=False),
        ("app_disabled",),
        "answer",
        "principal",
    ),
    Fault(
        "app_deactivated",
        "microsoft.md 5 (7000112)",
        "somebody deactivated the app",
        lambda ground: _shut(ground, isDisabled=True),
        ("app_deactivated",),
        "answer",
        "principal",
    ),
    Fault(
        "app_deactivated_registration",
        "microsoft.md 1.1",
        "somebody deactivated the app registration, and its enterprise application does not show it",
        lambda ground: ground.set_app(isDisabled=True),
        ("app_deactivated",),
        "answer",
        "app",
    ),
    Fault(
        "app_disabled_by_microsoft",
        "microsoft.md 5 (70001, 7000112: disabledByMicrosoftStatus)",
        "Microsoft has disabled the app",
        lambda ground: _shut(
            ground, disabledByMicrosoftStatus="DisabledDueToViolationOfServicesAgreement"
        ),
        ("app_disabled_by_microsoft",),
        "answer",
        "principal",
    ),
    Fault(
        "assignment_required",
        "microsoft.md 1.3, 5 (50105)",
        "the enterprise application is for assigned users only",
        _assigned_only,
        ("user_not_assigned",),
        "answer",
        "principal",
    ),
    Fault(
        "redirect_removed",
        "microsoft.md 8 row 9, 5 (50011)",
        "Webex Connect's callback was removed from the app; the next Generate Token fails",
        lambda ground: _redirects(ground, _other_uris(ground)),
        ("redirect_uri_mismatch", "reply_address_missing"),
        "",
        "redirect",
    ),
    Fault(
        "redirect_mistyped",
        "microsoft.md 8 row 9, 5 (50011)",
        "the callback has a slash at its end; the next Generate Token fails",
        lambda ground: _redirects(
            ground, [*_other_uris(ground), ground.connect.callback_url + "/"]
        ),
        ("redirect_uri_mismatch",),
        "",
        "redirect",
    ),
    Fault(
        "redirects_all_removed",
        "microsoft.md 5 (900971)",
        "the app has no redirect URI at all",
        lambda ground: _redirects(ground, []),
        ("reply_address_missing", "redirect_uri_mismatch"),
        "",
        "redirect",
    ),
    Fault(
        "redirect_is_spa",
        "microsoft.md 4 (24 h for SPA), 5 (700084)",
        "the callback is registered as a single-page application",
        _spa,
        ("redirect_uri_is_spa", "redirect_uri_mismatch"),
        "",
        "redirect",
    ),
    Fault(
        "redirect_also_spa",
        "microsoft.md 4 (24 h for SPA), 5 (700084)",
        (
            "the callback is registered as a single-page application besides Web, and the "
            "refresh token ended after a day"
        ),
        _also_spa,
        ("redirect_uri_is_spa",),
        "answer",
        "redirect",
    ),
    Fault(
        "permission_not_declared",
        "microsoft.md 5 (650057, 650056)",
        "SMTP.Send is not in the list of the app; the consent that was given goes on working",
        lambda ground: ground.set_app(requiredResourceAccess=[]),
        ("permission_not_declared", "app_misconfigured"),
        "",
        "permissions",
        Level.NOTED,
    ),
    Fault(
        "permission_id_unknown",
        "microsoft.md 1.4, 5 (65006)",
        "the app lists a permission id that Exchange does not have; the next consent fails",
        _foreign_permission,
        ("permission_id_unknown", "permission_not_declared"),
        "",
        "permissions",
        Level.NOTED,
    ),
)
