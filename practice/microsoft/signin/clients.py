"""Client checks at the start of every endpoint: the app, the tenant, and whether the app may ask."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from flask import request

from practice.microsoft import ids
from practice.microsoft.signin import consent
from practice.microsoft.signin.errors import Trouble
from practice.microsoft.world import Tenant, User, World

Json = dict[str, Any]
MANY: Final = frozenset({"common", "organizations", "consumers"})
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1"})
BLOCKS: Final = {"block": 53003, "compliantDevice": 53000}


@dataclass(frozen=True, slots=True)
class Client:
    """App registration, its home tenant, and the tenant that the request named (None: any)."""

    home: Tenant
    app: Json
    tenant: Tenant | None

    def tenant_for(self, world: World, account: str) -> tuple[Tenant, User]:
        """Return the user who signs in and the user's tenant.

        Raises:
            Trouble: AADSTS50034, 50020, 50057, 50105 or 53003.
        """
        found = world.find_user(account)
        if found is None:
            raise Trouble(50034, (account, self.tenant.name if self.tenant else "signed-in"))
        tenant, user = found
        if self.tenant and self.tenant.id != tenant.id:
            raise Trouble(50020, (account, self.tenant.name))
        usable_account(user)
        self.assigned(tenant, user)
        conditional_access(tenant, user, interactive=True)
        return tenant, user

    def assigned(self, tenant: Tenant, user: User) -> None:
        """Check that the user is assigned to the app, if the app requires that.

        Raises:
            Trouble: AADSTS50105 otherwise.
        """
        client = next(
            (item for item in tenant.principals.written() if item["appId"] == self.app["appId"]),
            None,
        )
        if client and client.get("appRoleAssignmentRequired"):
            mine = {
                user.id,
                *(
                    group["id"]
                    for group in tenant.groups
                    if any(user.known_as(member) for member in group["members"])
                ),
            }
            assigned = (
                item for item in tenant.assignments.written() if item["resourceId"] == client["id"]
            )
            if not any(item["principalId"] in mine for item in assigned):
                raise Trouble(50105, (user.upn, self.app["appId"]))


def tenant_named(world: World, name: str) -> Tenant | None:
    """Return the tenant in the path, or None for any tenant.

    Raises:
        Trouble: AADSTS90002 when the tenant is unknown.
    """
    if name.lower() in MANY:
        return None
    if found := world.tenant(name):
        return found
    raise Trouble(90002, (name,))


def client(world: World, tenant_name: str, client_id: str) -> Client:
    """Return the app that asks.

    Raises:
        Trouble: AADSTS900144, 90002, 700016, 50194 or 7000112.
    """
    tenant = tenant_named(world, tenant_name)
    if not client_id:
        raise Trouble(900144, ("client_id",))
    found = world.application(client_id)
    if found is None:
        raise Trouble(700016, (client_id, tenant_name))
    home, app = found
    single = app.get("signInAudience") == "AzureADMyOrg"
    if single and tenant is None:
        raise Trouble(50194, (client_id,))
    here = tenant or home
    principal = world.principal(here, client_id)
    if (single and here.id != home.id) or (here.id == home.id and principal is None):
        raise Trouble(700016, (client_id, here.name))
    if _shut(app) or (
        principal and (_shut(principal) or not principal.get("accountEnabled", True))
    ):
        raise Trouble(7000112, (client_id,))
    return Client(home, app, tenant)


def _shut(item: Json) -> bool:
    """Return whether an app is deactivated, or disabled by Microsoft."""
    return (
        bool(item.get("isDisabled"))
        or (item.get("disabledByMicrosoftStatus") or "NotDisabled") != "NotDisabled"
    )


def check_redirect(app: Json, uri: str) -> None:
    """Compare the redirect URI with the registration, byte for byte.

    Until an address is registered, the bot's own app accepts any address on this machine.

    Raises:
        Trouble: AADSTS900971 or 50011.
    """
    known = app.get("web", {}).get("redirectUris", [])
    if not known and app.get("_anyLoopbackRedirect") and urlsplit(uri).hostname in LOOPBACK:
        return
    if not known:
        raise Trouble(900971)
    if uri not in known:
        raise Trouble(50011, (uri, app["appId"]))


def check_secret(world: World, app: Json, secret: str | None) -> None:
    """Check the client secret.

    Raises:
        Trouble: AADSTS7000218, 7000215 or 7000222.
    """
    if not secret:
        raise Trouble(7000218)
    for password in app.get("passwordCredentials", []):
        if hmac.compare_digest(world.secrets.get(password["keyId"], "").encode(), secret.encode()):
            if datetime.fromisoformat(password["endDateTime"]) <= world.now():
                raise Trouble(7000222, (app["appId"],))
            return
    raise Trouble(7000215, (app["appId"],))


def usable_account(user: User) -> None:
    """Check that the account can sign in.

    Raises:
        Trouble: AADSTS50057 for a disabled account, or the error set for its sign-ins (locked,
            password expired, at risk).
    """
    if not user.enabled:
        raise Trouble(50057)
    if user.sign_in_error:
        raise Trouble(user.sign_in_error)


def conditional_access(tenant: Tenant, user: User, *, interactive: bool = False) -> None:
    """Enforce the enabled policies that apply to this user, and to Exchange or all apps.

    A person at the screen can give the second factor and sign in again. A refresh by Webex Connect
    can do neither.

    Raises:
        Trouble: AADSTS53003, 53000, 50076 or 70043.
    """
    for policy in tenant.policies.conditional_access:
        if code := _demand(policy, user, interactive=interactive):
            raise Trouble(code)


def applied(tenant: Tenant, user: User, code: int, *, interactive: bool) -> Json:
    """Return the part of a sign-in log row about policies: those that failed and those not applied."""
    rows = []
    for policy in tenant.policies.conditional_access:
        controls = list((policy.get("grantControls") or {}).get("builtInControls", []))
        failed = bool(code) and _demand(policy, user, interactive=interactive) == code
        said = {
            "id": policy.get("id"),
            "displayName": policy.get("displayName"),
            "enforcedGrantControls": controls,
        }
        rows.append(
            said | {"enforcedSessionControls": [], "result": "failure" if failed else "notApplied"}
        )
    status = "failure" if any(row["result"] == "failure" for row in rows) else "notApplied"
    return {"conditionalAccessStatus": status, "appliedConditionalAccessPolicies": rows}


def _touches(policy: Json, user: User) -> bool:
    conditions = policy.get("conditions", {})
    users, apps = conditions.get("users", {}), conditions.get("applications", {})
    if set(
        str((conditions.get("authenticationFlows") or {}).get("transferMethods") or "none").split(
            ","
        )
    ) != {"none"}:
        return False  # for the device code only, which this cloud does not serve
    allowed = (conditions.get("locations") or {}).get("excludeLocations", [])
    if request.headers.get(ids.PLACE, "") in allowed:
        return False
    if user.id in users.get("excludeUsers", []) or ids.EXCHANGE_APP in apps.get(
        "excludeApplications", []
    ):
        return False
    included = set(users.get("includeUsers", [])) & {"All", user.id}
    return bool(included) and bool(
        set(apps.get("includeApplications", [])) & {"All", "Office365", ids.EXCHANGE_APP}
    )


def _demand(policy: Json, user: User, *, interactive: bool) -> int:
    """Return the AADSTS number with which a policy stops the sign-in, or 0 if it does not."""
    if policy.get("state") != "enabled" or not _touches(policy, user):
        return 0
    controls = set((policy.get("grantControls") or {}).get("builtInControls", []))
    frequency = (policy.get("sessionControls") or {}).get("signInFrequency") or {}
    asked = [code for control, code in BLOCKS.items() if control in controls]
    asked += [50076] if "mfa" in controls and not interactive else []
    asked += [70043] if frequency.get("isEnabled") and not interactive else []
    return next(iter(asked), 0)


def principal_of(client: Client, tenant: Tenant) -> Json:
    """Return the client's service principal in the tenant.

    Raises:
        Trouble: AADSTS700016.
    """
    return consent.ensure_principal(tenant, client.home, client.app)
