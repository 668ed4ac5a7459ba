"""Client checks at the start of every endpoint: the app, the tenant, and the app's right to ask."""

import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from flask import request

from practice.microsoft import ids
from practice.microsoft.signin import consent
from practice.microsoft.signin.errors import Trouble
from practice.microsoft.world import Tenant, User, World, first

Json = dict[str, Any]
MANY: Final = frozenset({"common", "organizations", "consumers"})
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1"})
BLOCKS: Final = {"block": 53003, "compliantDevice": 53000}


@dataclass(frozen=True, slots=True)
class Client:
    """Client of the sign-in: an app registration, its home tenant, and the requested tenant.

    The requested tenant is None if the request allows any tenant.
    """

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
        client = first(tenant.principals.written(), {"appId": self.app["appId"]})
        if not client or not client.get("appRoleAssignmentRequired"):
            return
        assigned = {
            item["principalId"]
            for item in tenant.assignments.written()
            if item["resourceId"] == client["id"]
        }
        groups = [each["id"] for each in tenant.groups if any(map(user.known_as, each["members"]))]
        if not assigned & {user.id, *groups}:
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
    """Return the app that sends the request.

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
    asked = Client(home, app, tenant)
    _check_enabled(app, _principal_in(world, asked, client_id), client_id)
    return asked


def _principal_in(world: World, asked: Client, client_id: str) -> Json | None:
    """Return the app's service principal in the tenant, or in its home tenant for any tenant.

    In another tenant than its own, a multitenant app may have no service principal.

    Raises:
        Trouble: AADSTS50194 or 700016.
    """
    single = asked.app.get("signInAudience") == "AzureADMyOrg"
    if single and asked.tenant is None:
        raise Trouble(50194, (client_id,))
    here = asked.tenant or asked.home
    principal = world.principal(here, client_id)
    at_home = here.id == asked.home.id
    if (single and not at_home) or (at_home and principal is None):
        raise Trouble(700016, (client_id, here.name))
    return principal


def _check_enabled(app: Json, principal: Json | None, client_id: str) -> None:
    """Check that neither the app nor its service principal is disabled.

    Raises:
        Trouble: AADSTS7000112.
    """
    here = principal or {}
    if _shut(app) or _shut(here) or not here.get("accountEnabled", True):
        raise Trouble(7000112, (client_id,))


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
    """Check the client secret that the client sent.

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
    """Enforce the enabled Conditional Access policies for this user and for Exchange or all apps.

    A person at the screen can give the second factor and sign in again. A refresh by Webex Connect
    can do neither.

    Raises:
        Trouble: AADSTS53003, 53000, 50076 or 70043.
    """
    for policy in tenant.policies.conditional_access:
        if code := _demand(policy, user, interactive=interactive):
            raise Trouble(code)


def applied(tenant: Tenant, user: User, code: int, *, interactive: bool) -> Json:
    """Return the part of a sign-in log row that lists the Conditional Access policies.

    The row says which policy failed and which were not applied.
    """
    rows = []
    for policy in tenant.policies.conditional_access:
        failed = bool(code) and _demand(policy, user, interactive=interactive) == code
        row = {
            "id": policy.get("id"),
            "displayName": policy.get("displayName"),
            "enforcedGrantControls": _controls(policy),
            "enforcedSessionControls": [],
            "result": "failure" if failed else "notApplied",
        }
        rows.append(row)
    status = "failure" if any(row["result"] == "failure" for row in rows) else "notApplied"
    return {"conditionalAccessStatus": status, "appliedConditionalAccessPolicies": rows}


def _touches(policy: Json, user: User) -> bool:
    conditions = policy.get("conditions", {})
    excluded = (conditions.get("locations") or {}).get("excludeLocations", [])
    if _only_other_flows(conditions) or request.headers.get(ids.PLACE, "") in excluded:
        return False
    users, apps = conditions.get("users", {}), conditions.get("applications", {})
    return _covers(users, "Users", {"All", user.id}, user.id) and _covers(
        apps, "Applications", {"All", "Office365", ids.EXCHANGE_APP}, ids.EXCHANGE_APP
    )


def _only_other_flows(conditions: Json) -> bool:
    """Return whether the policy is for the device code, which this cloud does not serve."""
    flows = conditions.get("authenticationFlows") or {}
    return set(str(flows.get("transferMethods") or "none").split(",")) != {"none"}


def _covers(condition: Json, kind: str, names: set[str], item: str) -> bool:
    """Return whether a condition includes any of the names and does not exclude the item."""
    included = condition.get(f"include{kind}", [])
    return not names.isdisjoint(included) and item not in condition.get(f"exclude{kind}", [])


def _demand(policy: Json, user: User, *, interactive: bool) -> int:
    """Return the AADSTS number with which a policy stops the sign-in.

    The result is 0 if the policy does not stop it.
    """
    if policy.get("state") != "enabled" or not _touches(policy, user):
        return 0
    controls = set(_controls(policy))
    blocks = [code for control, code in BLOCKS.items() if control in controls]
    if blocks or interactive:
        return blocks[0] if blocks else 0
    if "mfa" in controls:
        return 50076
    return 70043 if _limits_sessions(policy) else 0


def _controls(policy: Json) -> list[str]:
    return list((policy.get("grantControls") or {}).get("builtInControls", []))


def _limits_sessions(policy: Json) -> bool:
    frequency = (policy.get("sessionControls") or {}).get("signInFrequency") or {}
    return bool(frequency.get("isEnabled"))


def principal_of(client: Client, tenant: Tenant) -> Json:
    """Return the client's service principal in the tenant.

    Raises:
        Trouble: AADSTS700016.
    """
    return consent.ensure_principal(tenant, client.home, client.app)
