"""Which app is asking, in which tenant, and whether it may: the checks that every endpoint begins with."""

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
    """An app registration, the tenant that it lives in, and the one that the request named (None: any)."""

    home: Tenant
    app: Json
    tenant: Tenant | None

    def tenant_for(self, world: World, account: str) -> tuple[Tenant, User]:
        """The user who signs in, in the right tenant; raises AADSTS50034, 50020, 50057, 50105 or 53003."""
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
        """Raises AADSTS50105 where the app is for assigned users only and this one is not."""
        client = next((item for item in tenant.principals.written() if item["appId"] == self.app["appId"]), None)
        if client and client.get("appRoleAssignmentRequired"):
            mine = {user.id, *(group["id"] for group in tenant.groups if any(user.known_as(member) for member in group["members"]))}
            assigned = (item for item in tenant.assignments.written() if item["resourceId"] == client["id"])
            if not any(item["principalId"] in mine for item in assigned):
                raise Trouble(50105, (user.upn, self.app["appId"]))


def tenant_named(world: World, name: str) -> Tenant | None:
    """The tenant in the path, or None for any; raises AADSTS90002."""
    if name.lower() in MANY:
        return None
    if found := world.tenant(name):
        return found
    raise Trouble(90002, (name,))


def client(world: World, tenant_name: str, client_id: str) -> Client:
    """The app that asks; raises AADSTS900144, 90002, 700016, 50194 or 7000112."""
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
    if _shut(app) or (principal and (_shut(principal) or not principal.get("accountEnabled", True))):
        raise Trouble(7000112, (client_id,))
    return Client(home, app, tenant)


def _shut(item: Json) -> bool:
    """Whether an app is deactivated, or disabled by Microsoft."""
    return bool(item.get("isDisabled")) or (item.get("disabledByMicrosoftStatus") or "NotDisabled") != "NotDisabled"


def check_redirect(app: Json, uri: str) -> None:
    """Byte for byte against the registration; raises AADSTS900971 or 50011.

    The bot's own app, while nobody registered its address, takes any address on this machine.
    """
    known = app.get("web", {}).get("redirectUris", [])
    if not known and app.get("_anyLoopbackRedirect") and urlsplit(uri).hostname in LOOPBACK:
        return
    if not known:
        raise Trouble(900971)
    if uri not in known:
        raise Trouble(50011, (uri, app["appId"]))


def check_secret(world: World, app: Json, secret: str | None) -> None:
    """The client's secret; raises AADSTS7000218, 7000215 or 7000222."""
    if not secret:
        raise Trouble(7000218)
    for password in app.get("passwordCredentials", []):
        if hmac.compare_digest(world.secrets.get(password["keyId"], "").encode(), secret.encode()):
            if datetime.fromisoformat(password["endDateTime"]) <= world.now():
                raise Trouble(7000222, (app["appId"],))
            return
    raise Trouble(7000215, (app["appId"],))


def usable_account(user: User) -> None:
    """Raises AADSTS50057 for a disabled account, or whatever else its sign-ins end with (locked, password expired, at risk)."""
    if not user.enabled:
        raise Trouble(50057)
    if user.sign_in_error:
        raise Trouble(user.sign_in_error)


def conditional_access(tenant: Tenant, user: User, *, interactive: bool = False) -> None:
    """What an enabled policy for this user and Exchange, or everything, demands: raises AADSTS53003, 53000, 50076 or 70043.

    A person at the screen gives the second factor and signs in anew; a refresh of Webex Connect can do neither.
    """
    for policy in tenant.policies.conditional_access:
        if code := _demand(policy, user, interactive=interactive):
            raise Trouble(code)


def applied(tenant: Tenant, user: User, code: int, *, interactive: bool) -> Json:
    """What a row of the sign-in log says of the policies: which one it failed for, and which did not apply."""
    rows = []
    for policy in tenant.policies.conditional_access:
        controls = list((policy.get("grantControls") or {}).get("builtInControls", []))
        failed = bool(code) and _demand(policy, user, interactive=interactive) == code
        said = {"id": policy.get("id"), "displayName": policy.get("displayName"), "enforcedGrantControls": controls}
        rows.append(said | {"enforcedSessionControls": [], "result": "failure" if failed else "notApplied"})
    status = "failure" if any(row["result"] == "failure" for row in rows) else "notApplied"
    return {"conditionalAccessStatus": status, "appliedConditionalAccessPolicies": rows}


def _touches(policy: Json, user: User) -> bool:
    conditions = policy.get("conditions", {})
    users, apps = conditions.get("users", {}), conditions.get("applications", {})
    if set(str((conditions.get("authenticationFlows") or {}).get("transferMethods") or "none").split(",")) != {"none"}:
        return False  # for the device code alone, which this cloud does not serve
    allowed = (conditions.get("locations") or {}).get("excludeLocations", [])
    if request.headers.get(ids.PLACE, "") in allowed:
        return False
    if user.id in users.get("excludeUsers", []) or ids.EXCHANGE_APP in apps.get("excludeApplications", []):
        return False
    included = set(users.get("includeUsers", [])) & {"All", user.id}
    return bool(included) and bool(set(apps.get("includeApplications", [])) & {"All", "Office365", ids.EXCHANGE_APP})


def _demand(policy: Json, user: User, *, interactive: bool) -> int:
    """The AADSTS number that a policy ends the sign-in with, 0 where it lets it through."""
    if policy.get("state") != "enabled" or not _touches(policy, user):
        return 0
    controls = set((policy.get("grantControls") or {}).get("builtInControls", []))
    frequency = (policy.get("sessionControls") or {}).get("signInFrequency") or {}
    asked = [code for control, code in BLOCKS.items() if control in controls]
    asked += [50076] if "mfa" in controls and not interactive else []
    asked += [70043] if frequency.get("isEnabled") and not interactive else []
    return next(iter(asked), 0)


def principal_of(client: Client, tenant: Tenant) -> Json:
    """The client's service principal in the tenant; raises AADSTS700016."""
    return consent.ensure_principal(tenant, client.home, client.app)
