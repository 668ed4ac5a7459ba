"""Looks of the steps at Entra, and an app in the states that its tests need."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from jobs.clock import now
from jobs.microsoft.app_manifest import unique_name
from jobs.microsoft.graph import EXCHANGE_APP_ID, GRAPH_APP_ID
from jobs.runs.run import Brief, FixBrief
from jobs.steps.application import Application
from tests.unit.jobs.conftest import MAILBOX
from tests.unit.jobs.steps.looks import AGENT, CHECK, REFUSED, USER, answered, rows

STEP = Application()
NAME = unique_name("support@contoso.com")
READ, WRITE = f"GET /applications(uniqueName='{NAME}')", f"PATCH /applications(uniqueName='{NAME}')"
FACTS = {"exchange_smtp_send": "smtp-id"}
CHANGE = "PATCH /applications/object-1"
URIS = ["https://uk.webexconnect.io/callback", "https://bot.test/microsoft/callback"]
ACCESS = [
    {"resourceAppId": EXCHANGE_APP_ID, "resourceAccess": [{"id": "smtp-id", "type": "Scope"}]}
]
APP = {
    "id": "object-1",
    "appId": "client-1",
    "displayName": "Mail",
    "signInAudience": "AzureADMyOrg",
    "web": {"redirectUris": URIS},
    "requiredResourceAccess": ACCESS,
}
KNOWN = {"client_id": "client-1", "object_id": "object-1", "app_name": "Mail"}


CLIENT = {"client_id": "client-1"}
ENTERPRISE = "GET /servicePrincipals(appId='client-1')"
ASSIGNED = "GET /servicePrincipals/sp-1/appRoleAssignedTo"
MINE = {"principalId": "USER-1", "principalType": "User"}
OTHER_USER = {"principalId": "user-2", "principalType": "User"}
A_GROUP = {"principalId": "group-1", "principalType": "Group"}
BANNED = "DisabledDueToViolationOfServicesAgreement"


def service(*assigned: Any, mailbox: str = "UserMailbox", **properties: Any) -> dict[str, Any]:
    """Return the answers about an enterprise application and who is assigned to it."""
    mailboxes = [{"RecipientTypeDetails": mailbox}]
    there = {"id": "sp-1", **properties}
    return {ENTERPRISE: there, ASSIGNED: list(assigned), "Get-Mailbox": mailboxes}


SHUT: dict[str, Any] = {"appRoleAssignmentRequired": True}
CLOSED: dict[str, Any] = {"accountEnabled": False}
EXCHANGE = f"GET /servicePrincipals(appId='{EXCHANGE_APP_ID}')"
GRAPH = f"GET /servicePrincipals(appId='{GRAPH_APP_ID}')"
SCOPE = {"value": "SMTP.Send", "id": "smtp-id"}
ROLE = {"value": "Mail.Send", "id": "mail-id"}


def exposes(name: str, *scopes: Any, roles: Any = ()) -> dict[str, Any]:
    """Return a service principal with the permissions that it exposes."""
    return {"id": name, "oauth2PermissionScopes": list(scopes), "appRoles": list(roles)}


GRANTS = "GET /oauth2PermissionGrants"
SMTP = {"id": "g1", "resourceId": "exchange-sp", "principalId": "user-1", "scope": "SMTP.Send"}
SIGN_IN = {
    "id": "g2",
    "resourceId": "graph-sp",
    "principalId": "user-1",
    "scope": "openid profile offline_access",
}
GRANTED = {
    "sp_id": "sp-1",
    "exchange_sp_id": "exchange-sp",
    "graph_sp_id": "graph-sp",
    "user_id": "user-1",
    "upn": MAILBOX,
}
OF_ALL, OF_DELEGATE = ({"principalId": None}, {"principalId": "user-2"})
DELEGATE = GRANTED | {"shared": "blocked", "delegate": AGENT, "delegate_id": "user-2"}
CONSENT_POLICY = "GET /policies/authorizationPolicy"


def grants(*there: Any) -> dict[str, Any]:
    """Return the delegated permissions."""
    return {GRANTS: list(there)}


def consents(*names: str | None) -> dict[str, Any]:
    """Return the tenant's policies for the consent of users."""
    assigned = {"permissionGrantPoliciesAssigned": list(names)}
    return {CONSENT_POLICY: {"defaultUserRolePermissions": assigned}}


OWN = "ManagePermissionGrantsForSelf.microsoft-user-default-"
BOX = {"web": {"redirectUris": ["https://a.test/callback"]}}


def ticked(*, on: bool | None) -> dict[str, Any]:
    """Return an app whose box for access tokens is ticked, empty or not set."""
    return {READ: {"web": {"implicitGrantSettings": {"enableAccessTokenIssuance": on}}}}


MAIL_SEND = {"mail_send": "mail-id", "exchange_smtp_send": "smtp-id", "object_id": "object-1"}
DECLARED = {
    "resourceAppId": EXCHANGE_APP_ID.upper(),
    "resourceAccess": [{"id": "MAIL-ID", "type": "Role"}],
}
ROLES = "GET /servicePrincipals/sp-1/appRoleAssignments"
looks = {
    "ok: the tenant's own IDs": {
        EXCHANGE: exposes("exchange-sp", SCOPE, roles=[ROLE]),
        GRAPH: {"id": "graph-sp"},
    },
    "wrong exchange_service_missing: Exchange is not in the tenant": {},
    "wrong permission_id_unknown: a scope that is switched off": {
        EXCHANGE: exposes("exchange-sp", SCOPE | {"isEnabled": False})
    },
    "ok: Graph's own SMTP.Send is enough": {
        EXCHANGE: {"id": "exchange-sp"},
        GRAPH: exposes("graph-sp", SCOPE),
    },
}
OF_APPS = rows("permissions", looks)
looks = {
    "wrong service_principal_missing: Graph does not make it with the app": {},
    "ok: without further properties it is open": {ENTERPRISE: {"id": "sp-1"}},
    "wrong app_disabled: somebody disabled it": service(**CLOSED),
    "wrong user_not_assigned: it admits nobody": service(**SHUT),
    "wrong app_disabled: both are opened in one request": service(**CLOSED, **SHUT),
    "ok: the user is assigned": service(OTHER_USER, MINE, **SHUT),
    "possible user_not_assigned: a group may contain the user": service(A_GROUP, **SHUT),
    "wrong user_not_assigned: somebody else is assigned": service(OTHER_USER, **SHUT),
    "possible user_not_assigned: another user may sign in for a shared mailbox": service(
        OTHER_USER, mailbox="SharedMailbox", **SHUT
    ),
    "ok: the user is looked up if nobody has yet": service(MINE, **SHUT)
    | {USER: {"id": "user-1"}}
    | {"facts": CLIENT},
    "wrong app_disabled_by_microsoft: Microsoft disabled it": service(
        disabledByMicrosoftStatus=BANNED
    ),
    "wrong app_deactivated: it is deactivated": service(isDisabled=True),
    "wrong app_deactivated: its registration says so": service()
    | {"facts": CLIENT | {"deactivated": "yes"}},
    "wrong app_disabled_by_microsoft: other properties stay in the plan": service(
        isDisabled=True, disabledByMicrosoftStatus=BANNED, **CLOSED
    ),
}
OF_APPS += rows("service_principal", looks, facts=CLIENT | {"user_id": "user-1"})
looks = {
    "ok: the user's own grants": grants(SMTP, SIGN_IN),
    "ok: grants for everybody": grants(SMTP | OF_ALL, SIGN_IN | {"principalId": ""}),
    "ok: scopes in several grants": grants(
        SMTP,
        SIGN_IN | {"scope": "openid"},
        SIGN_IN | OF_ALL | {"scope": "profile offline_access"},
    ),
    "ok: in another case": grants(
        SMTP | {"resourceId": "EXCHANGE-SP", "principalId": "USER-1", "scope": "smtp.send"},
        SIGN_IN,
    ),
    "wrong consent_missing: no sign-in scopes": grants(SMTP),
    "ok: a check asks for no more than mail needs": grants(SMTP) | CHECK,
    "wrong consent_missing: a check needs SMTP.Send": grants(SIGN_IN) | CHECK,
    "wrong consent_missing: somebody else's": grants(SMTP | OF_DELEGATE, SIGN_IN),
    "wrong consent_missing: two grants are made": grants(),
    "wrong consent_missing: a grant is merged into, since a PATCH replaces": grants(
        SMTP | {"scope": "IMAP.AccessAsUser.All"}, SIGN_IN
    ),
    "ok: any grant counts while the delegate is not known": grants(SMTP | OF_DELEGATE)
    | {"facts": GRANTED | {"shared": "unknown"}, **CHECK},
    "wrong consent_missing: nothing is planned for an unknown delegate": grants()
    | {"facts": GRANTED | {"shared": "yes"}},
}
OF_APPS += rows("smtp_grant", looks, facts=GRANTED)
looks = {
    "wrong consent_missing: a shared mailbox's own grant": grants(SMTP, SIGN_IN),
    "ok: the delegate's counts": grants(SMTP | OF_DELEGATE, SIGN_IN | OF_DELEGATE),
    "ok: so does everybody's": grants(SMTP | OF_ALL, SIGN_IN | OF_ALL),
}
OF_APPS += rows("smtp_grant", looks, facts=DELEGATE)
looks = {
    "ok: everything": consents(f"{OWN}legacy"),
    "ok: low risk": consents(f"{OWN}low".replace("M", "m", 1)),
    "ok: Microsoft's recommended policy": consents(f"{OWN}recommended"),
    "ok: one of their own, and low risk": consents(
        "ManagePermissionGrantsForSelf.our-own-policy", f"{OWN}low"
    ),
    "ok: only apps of a list": consents(f"{OWN}allow-consent-apps"),
    "ok: of other resources": consents("managePermissionGrantsForOwnedResource.x"),
    "ok: nothing is told": {CONSENT_POLICY: {"defaultUserRolePermissions": {}}},
    "skipped: it may not be read": {CONSENT_POLICY: REFUSED},
}
OF_APPS += rows("user_consent", looks)
looks = {
    "ok: ticked": ticked(on=True),
    "wrong: empty": ticked(on=False),
    "wrong: ticking it keeps every redirect URI": {READ: BOX},
    "wrong: a check says that nothing needs it": ticked(on=False) | CHECK,
}
OF_APPS += rows("implicit_grant", looks, facts={"object_id": "object-1"})
looks = {
    "skipped: a tenant without it": {"facts": {}},
    "ok: declared, in any case": {READ: {"requiredResourceAccess": [DECLARED]}},
    "wrong: a stale read does not drop SMTP.Send": {READ: {"requiredResourceAccess": []}},
}
OF_APPS += rows("mail_send", looks, facts=MAIL_SEND)
looks = {
    "skipped: nothing to consent to": {"facts": {}},
    "ok: assigned by anybody": {ROLES: [{"appRoleId": "other"}, {"appRoleId": "MAIL-ID"}]},
    "waiting: the administrator is asked": {ROLES: []},
    "waiting: a fresh redirect waits for the directory": {ROLES: []} | answered("consent"),
    "waiting: an old redirect proves nothing": {ROLES: []} | answered("consent", 6),
    "wrong: a check warns of a revoked one": {ROLES: []} | (CHECK | answered("consent")),
}
OF_APPS += rows("admin_consent", looks, facts={"mail_send": "mail-id", "sp_id": "sp-1"})
GRAPHS = {
    "resourceAppId": GRAPH_APP_ID,
    "resourceAccess": [{"id": "USER-READ", "type": "Scope"}, {"id": "old-id", "type": "Role"}],
}
EXPOSES = exposes("graph-sp", {"id": "user-read", "value": "User.Read"}, roles=[{"id": "r"}])
SMTP_OF_OURS = {
    "resourceAppId": EXCHANGE_APP_ID,
    "resourceAccess": [{"id": "SMTP-ID", "type": "Scope"}],
}
NEW = {WRITE: (201, APP)}
THEIRS = APP | {"appId": "theirs", "uniqueName": None}
OFFERED = THEIRS | {"requiredResourceAccess": [], "web": {"redirectUris": URIS[:1]}}
THEIR_ID = "GET /applications(appId='theirs')"
BY_ID = "GET /applications(appId='client-1')"
BY_HAND = {"channel": {"callback_url": URIS[0]}, "brief": Brief("client-1", by_hand=True)}


def app(**parts: Any) -> dict[str, Any]:
    """Return the mailbox's app, with these parts."""
    return {READ: APP | parts}


def uris(*those: str, **platforms: Any) -> dict[str, Any]:
    """Return the mailbox's app with these redirect URIs, and with those of other platforms."""
    others = {name: {"redirectUris": list(there)} for name, there in platforms.items()}
    return app(web={"redirectUris": list(those)}, **others)


def by_hand(**parts: Any) -> dict[str, Any]:
    """Return an app that was made by hand, with these parts."""
    return {BY_ID: APP | {"web": {"redirectUris": URIS[:1]}, "requiredResourceAccess": []} | parts}


BOTS, CALLBACK = (URIS[1], URIS[0])
MANY = {"signInAudience": "AzureADMultipleOrgs"}
looks = {
    "ok: a whole app": app(),
    "ok: an audience in another case": app(signInAudience="azureadmyorg"),
    "ok: the bot's own secret is seen": app(
        passwordCredentials=[{"displayName": "Webex email bot, check"}]
    ),
    "wrong app_not_found: a new app is made whole": NEW,
    "wrong redirect_uri_mismatch: the bot's own address is missing": uris(CALLBACK),
    "warning redirect_uri_mismatch: it carries no mail": uris(CALLBACK) | CHECK,
    "wrong redirect_uri_mismatch: Webex Connect's is missing": uris(BOTS),
    "wrong redirect_uri_mismatch: addresses are compared byte for byte": uris(f"{CALLBACK}/", BOTS),
    "wrong reply_address_missing: no address at all": app(web=None),
    "wrong: other tenants may sign in": app(**MANY),
    "wrong: which a check notices": app(**MANY) | CHECK,
    "wrong permission_not_declared: nothing declared": app(requiredResourceAccess=[]),
    "wrong permission_not_declared: which a check notices, too": app(requiredResourceAccess=[])
    | CHECK,
    "wrong redirect_uri_mismatch: other people's values stay": app(
        web={"redirectUris": ["https://else.test/x"], "logoutUrl": "https://else.test/out"},
        requiredResourceAccess=[GRAPHS | {"resourceAccess": GRAPHS["resourceAccess"][:1]}],
    ),
    "wrong permission_not_declared: Graph's SMTP.Send if Exchange has none": app()
    | {"facts": {"graph_smtp_send": "graph-smtp"}},
    "wrong permission_id_unknown: an unknown permission": app(
        requiredResourceAccess=[*ACCESS, GRAPHS]
    )
    | {GRAPH: EXPOSES},
    "wrong reply_address_missing: the plan names it beside what else is wrong": app(
        web={}, requiredResourceAccess=[*ACCESS, GRAPHS]
    )
    | {GRAPH: EXPOSES},
    "ok: a resource without a list is not judged": app(requiredResourceAccess=[*ACCESS, GRAPHS])
    | {GRAPH: {"id": "graph-sp"}},
    "ok: nor one that is missing": app(requiredResourceAccess=[*ACCESS, GRAPHS]),
    "ok: nor another API": app(
        requiredResourceAccess=[*ACCESS, GRAPHS | {"resourceAppId": "another-api"}]
    ),
    "ok: the bot's own in another case": app(requiredResourceAccess=[*ACCESS, SMTP_OF_OURS]),
    **{
        f"wrong {cause}: {', '.join(platforms)} have it, {len(there)} under Web": uris(
            *there, **{name: ["https://else.test/x", CALLBACK] for name in platforms}
        )
        for there in (URIS, URIS[1:])
        for platforms, cause in (
            (("spa",), "redirect_uri_is_spa"),
            (("publicClient",), "public_client_with_secret"),
            (("spa", "publicClient"), "redirect_uri_is_spa"),
        )
    },
    "warning redirect_uri_is_spa: which carries no mail": uris(*URIS, spa=[BOTS]) | CHECK,
    "wrong redirect_uri_mismatch: Webex Connect's counts first": uris(BOTS, spa=[BOTS]) | CHECK,
    "ok: a check finds it by an earlier run's client ID": {BY_ID: APP}
    | (CHECK | {"brief": Brief(client_id="client-1")}),
    "wrong reply_address_missing: a fix restores its name": {
        BY_ID: APP | {"web": {"redirectUris": []}}
    }
    | {"kind": "fix", "brief": Brief(client_id="client-1")},
    "wrong app_not_found: Webex Connect has the ID of a deleted app": app()
    | (CHECK | {"brief": Brief(client_id="client-0")}),
    "ok: the other app is there": app()
    | {"GET /applications(appId='client-0')": APP | {"appId": "client-0"}}
    | (CHECK | {"brief": Brief(client_id="client-0")}),
    "ok: the same ID in another case": app() | (CHECK | {"brief": Brief(client_id="CLIENT-1")}),
    "ok: a fix gives out the new ID": app() | {"kind": "fix", "brief": Brief(client_id="client-0")},
    "wrong app_not_found: one made by hand is offered": {"GET /applications": [OFFERED]}
    | {"looking": True, **NEW},
    "wrong app_not_found: of two none is": {
        "GET /applications": [OFFERED, OFFERED | {"appId": "other"}]
    }
    | {"looking": True, **NEW},
    "wrong app_not_found: nor one with a name": {
        "GET /applications": [OFFERED | {"uniqueName": "x"}]
    }
    | {"looking": True, **NEW},
    "wrong: it is adopted": {THEIR_ID: OFFERED} | {"answers": {"adopt": "theirs"}},
    "ok: it does not keep the name": {THEIR_ID: THEIRS}
    | {"answers": {"adopt": "theirs"}, "changed": {"application": now()}},
    "wrong redirect_uri_is_spa: a deactivated app is told with its other trouble": app(
        isDisabled=True, spa={"redirectUris": [CALLBACK]}
    ),
    "ok: by hand: what a setup would add is not missed": by_hand() | (BY_HAND | CHECK),
    "wrong redirect_uri_mismatch: by hand: a consent needs the bot's address": by_hand()
    | (
        BY_HAND
        | {
            "kind": "fix",
            "brief": Brief("client-1", by_hand=True, fix=FixBrief(consent_missing=True)),
        }
    ),
    "wrong: by hand: a check notices a wide audience": by_hand(**MANY) | (BY_HAND | CHECK),
    "ok: by hand: a fix leaves it": by_hand(**MANY) | (BY_HAND | {"kind": "fix"}),
    "wrong redirect_uri_mismatch: by hand: it leads elsewhere": by_hand(
        web={"redirectUris": ["https://portal.contoso.com/callback"]}
    )
    | (BY_HAND | CHECK | {"channel": {"callback_url": ""}}),
    "wrong reply_address_missing: by hand: it leads nowhere": by_hand(web={"redirectUris": []})
    | (BY_HAND | CHECK | {"channel": {"callback_url": ""}}),
    "skipped: by hand: an unknown app is not called missing": BY_HAND
    | CHECK
    | {"brief": Brief(by_hand=True)},
}
OF_APPS += rows("application", looks, facts=FACTS)
OF_APPS += rows(
    "implicit_grant", {"ok: by hand: the box is nobody's wish": by_hand() | (BY_HAND | CHECK)}
)
OF_APPS += rows(
    "smtp_grant",
    {
        "ok: by hand: a fix leaves the implied grants": grants(SMTP)
        | (BY_HAND | {"facts": GRANTED, "kind": "fix"})
    },
)


SECRET_RULES = "GET /policies/defaultAppManagementPolicy"
ADD = "POST /applications/object-1/addPassword"
EARLIER, OWN_SECRET = "Webex Connect EARLIER", "Webex email bot, rehearsal and check"


def secret(name: str, days: float, key_id: str = "k1") -> dict[str, Any]:
    """Return a client secret that ends in so many days."""
    end = (now() + timedelta(days=days)).isoformat()
    return {"keyId": key_id, "displayName": name, "hint": "abc", "endDateTime": end}


def secrets(*those: Any, read: str = READ, **parts: Any) -> dict[str, Any]:
    """Return an app with these client secrets, to which one more can be added."""
    new = {"keyId": "k9", "secretText": "value", "endDateTime": "2027-11-25T00:00:00Z"}
    return {read: {"id": "object-1", "passwordCredentials": list(those), **parts}, ADD: new}


def limited(**rule: str) -> dict[str, Any]:
    """Return the tenant's policy with one rule for client secrets."""
    rules = {"passwordCredentials": [rule]}
    return {SECRET_RULES: {"isEnabled": True, "applicationRestrictions": rules}}


FORBIDDEN = limited(restrictionType="passwordAddition")
MONTH, QUARTER, YEARS = (
    limited(restrictionType="passwordLifetime", maxLifetime=most)
    for most in ("P30D", "P90D", "P2Y")
)
YOUNGER = limited(
    restrictionType="passwordAddition", restrictForAppsCreatedAfterDateTime="2026-01-01T00:00:00Z"
)
SHOWN = {"facts": {"object_id": "object-1", "key_id": "k1"}, "shown": "k1"}
HANDMADE = BY_HAND | CHECK
FIX = {"kind": "fix"}
LOST = {"answers": {"new_secret": "k1"}}
KEPT = {"check-secret:support@contoso.com": "value"}


def sealed(key_id: str) -> dict[str, Any]:
    """Return a run that has sealed its client secret."""
    return {"sealed": {"secret:RUN": "value", "secret-key:RUN": key_id}}


OWN, SECOND = (secret("Webex Connect RUN", 300, key_id) for key_id in ("k1", "k2"))
looks = {
    "ok: one that is sealed can be shown once": secrets(OWN) | sealed("k1"),
    "ok: the run's own is never replaced": secrets(secret("Webex Connect RUN", 1 / 48))
    | limited(restrictionType="passwordLifetime", maxLifetime="PT1H")
    | sealed("k1"),
    "wrong: a lost one counts no more": secrets(OWN)
    | SHOWN
    | LOST
    | {"changed": {"client_secret": now()}},
    "ok: its sealed successor": secrets(OWN, SECOND) | LOST | sealed("k2"),
    "ok: a successor that was shown before it was listed": secrets(OWN, SECOND)
    | LOST
    | {"shown": "k2", "sealed": {"secret-key:RUN": "k2"}},
    "wrong: a new app has none": secrets(),
    "wrong: one that nobody can see does not count": secrets(
        secret("Webex Connect OTHER", 300), secret("by hand", 300, "k2")
    ),
    "ok: one that was handed over": secrets(secret(EARLIER, 300)) | SHOWN,
    "wrong client_secret_expires_soon: it ends soon": secrets(secret(EARLIER, 10)) | SHOWN,
    "warning client_secret_expires_soon: of which a check warns": secrets(secret(EARLIER, 10))
    | SHOWN
    | CHECK,
    "wrong client_secret_expired: it has ended": secrets(secret(EARLIER, -1)) | SHOWN | CHECK,
    "wrong secret_forbidden_by_policy: forbidden": secrets() | FORBIDDEN | SHOWN,
    "wrong secret_forbidden_by_policy: ended, and forbidden": secrets(secret(EARLIER, -1))
    | FORBIDDEN
    | SHOWN,
    "warning secret_forbidden_by_policy: the last": secrets(secret(EARLIER, 10))
    | FORBIDDEN
    | SHOWN,
    "ok: 11 of 30 days": secrets(secret(EARLIER, 11)) | MONTH | SHOWN,
    "wrong client_secret_expires_soon: a third of 30 days": secrets(secret(EARLIER, 9))
    | MONTH
    | SHOWN,
    "wrong: a policy for younger apps": secrets(createdDateTime="2025-06-01T00:00:00Z") | YOUNGER,
    "wrong: a limit that cuts nothing": secrets() | YEARS,
    "wrong: a limit that cuts": secrets() | QUARTER,
    "ok: without an end it never ends": secrets(secret(EARLIER, 1) | {"endDateTime": ""}) | SHOWN,
    "wrong client_secret_expired: the bot's own is none": secrets(
        secret(EARLIER, -1), secret(OWN_SECRET, 90, "k9")
    )
    | SHOWN
    | CHECK,
    "wrong client_secret_expired: another that has ended": secrets(
        secret(EARLIER, -1), secret("by hand", -1, "k9")
    )
    | SHOWN
    | CHECK,
    "wrong: of an app that was made anew": secrets(secret(EARLIER, 300), appId="client-1")
    | SHOWN
    | FIX
    | {"brief": Brief(client_id="client-0")},
    "ok: of the app in Webex Connect": secrets(secret(EARLIER, 300), appId="client-1")
    | SHOWN
    | FIX
    | {"brief": Brief(client_id="client-1")},
    "ok: by hand: any may be in use": secrets(secret("webex", 90), read=BY_ID) | HANDMADE,
    "wrong client_secret_expired: by hand: ended": secrets(secret("webex", -1), read=BY_ID)
    | HANDMADE,
    "warning client_secret_expires_soon: by hand: ends soon": secrets(
        secret("webex", 5), read=BY_ID
    )
    | HANDMADE,
    "wrong client_secret_gone: by hand: the bot's own": secrets(secret(OWN_SECRET, 90), read=BY_ID)
    | HANDMADE,
    "wrong client_secret_gone: by hand: none": secrets(read=BY_ID) | HANDMADE,
}
OF_APPS += rows("client_secret", looks, facts={"object_id": "object-1"})
looks = {
    "skipped: nobody rehearses": {"answers": {"rehearse": "skip:away"}},
    "skipped: an earlier run has proven the channel": {"proven": True},
    "wrong: it replaces an unused one": secrets(
        secret(OWN_SECRET, 90, "old"), secret("Webex Connect X", 300, "theirs")
    ),
    "ok: the run's own, which Microsoft may not list yet": {
        "sealed": {"rehearsal-secret:RUN": "value"}
    },
    "ok: the kept one, which the app has": {
        "sealed": KEPT,
        "facts": {"object_id": "object-1", "own_secret": "yes"},
    },
    "wrong: the kept one, which the app has no more": secrets() | {"sealed": KEPT},
    "ok: the kept one of this run": {"sealed": KEPT, "changed": {"check_secret": now()}},
}
OF_APPS += rows("check_secret", looks, facts={"object_id": "object-1"})
