"""Faults of the app registration and its service principal.

Source: platforms/microsoft.md 1.1, 1.3, 8 rows 6 and 9.
"""

from typing import Any, Final

from practice.faults.fault_context import FaultContext, Json
from practice.faults.model import described
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


FAULTS: Final = described(
    {
        "app_deleted": FaultContext.drop_app,
        "app_made_anew": _create_again,
        "principal_deleted": FaultContext.drop_principal,
        "principal_disabled": lambda ground: ground.set_principal(accountEnabled=False),
        "app_deactivated": lambda ground: _shut(ground, isDisabled=True),
        "app_deactivated_registration": lambda ground: ground.set_app(isDisabled=True),
        "app_disabled_by_microsoft": lambda ground: _shut(
            ground, disabledByMicrosoftStatus="DisabledDueToViolationOfServicesAgreement"
        ),
        "assignment_required": _assigned_only,
        "redirect_removed": lambda ground: _redirects(ground, _other_uris(ground)),
        "redirect_mistyped": lambda ground: _redirects(
            ground, [*_other_uris(ground), ground.connect.callback_url + "/"]
        ),
        "redirects_all_removed": lambda ground: _redirects(ground, []),
        "redirect_is_spa": _spa,
        "redirect_also_spa": _also_spa,
        "permission_not_declared": lambda ground: ground.set_app(requiredResourceAccess=[]),
        "permission_id_unknown": _foreign_permission,
    }
)
