"""Looks of the steps at Entra, and an app in the states that its tests need."""

from datetime import timedelta

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


def resource(app_id: str, **access: str):
    """Return what an app declares of a resource: its permissions by ID, with their kinds."""
    ids = {name.replace("_", "-"): kind for name, kind in access.items()}
    listed = [{"id": name, "type": kind} for name, kind in ids.items()]
    return {"resourceAppId": app_id, "resourceAccess": listed}


ACCESS = [resource(EXCHANGE_APP_ID, smtp_id="Scope")]
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
BANNED = {"disabledByMicrosoftStatus": "DisabledDueToViolationOfServicesAgreement"}


def service(*assigned, mailbox: str = "UserMailbox", **properties):
    """Return the answers about an enterprise application and who is assigned to it."""
    mailboxes = [{"RecipientTypeDetails": mailbox}]
    there = {"id": "sp-1", **properties}
    return {ENTERPRISE: there, ASSIGNED: list(assigned), "Get-Mailbox": mailboxes}


SHUT = {"appRoleAssignmentRequired": True}
CLOSED = {"accountEnabled": False}
EXCHANGE = f"GET /servicePrincipals(appId='{EXCHANGE_APP_ID}')"
GRAPH = f"GET /servicePrincipals(appId='{GRAPH_APP_ID}')"
SCOPE = {"value": "SMTP.Send", "id": "smtp-id"}
ROLE = {"value": "Mail.Send", "id": "mail-id"}


def exposes(name: str, *scopes, roles=()):
    """Return a service principal with the permissions that it exposes."""
    return {"id": name, "oauth2PermissionScopes": list(scopes), "appRoles": list(roles)}


GRANTS = "GET /oauth2PermissionGrants"
SMTP = {"id": "g1", "resourceId": "exchange-sp", "principalId": "user-1", "scope": "SMTP.Send"}
SCOPES = "openid profile offline_access"
SIGN_IN = {"id": "g2", "resourceId": "graph-sp", "principalId": "user-1", "scope": SCOPES}
GRANTED = {"sp_id": "sp-1", "exchange_sp_id": "exchange-sp", "graph_sp_id": "graph-sp"}
GRANTED |= {"user_id": "user-1", "upn": MAILBOX}
OF_ALL, OF_DELEGATE = ({"principalId": None}, {"principalId": "user-2"})
DELEGATE = GRANTED | {"shared": "blocked", "delegate": AGENT, "delegate_id": "user-2"}
CONSENT_POLICY = "GET /policies/authorizationPolicy"


def grants(*there):
    """Return the delegated permissions."""
    return {GRANTS: list(there)}


def shared(how: str):
    """Return a run that knows that the mailbox is shared, but not its delegate."""
    return {"facts": GRANTED | {"shared": how}}


def consents(*names: str | None):
    """Return the tenant's policies for the consent of users."""
    assigned = {"permissionGrantPoliciesAssigned": list(names)}
    return {CONSENT_POLICY: {"defaultUserRolePermissions": assigned}}


OWN = "ManagePermissionGrantsForSelf.microsoft-user-default-"
BOX = {"web": {"redirectUris": ["https://a.test/callback"]}}


def ticked(*, on: bool | None):
    """Return an app whose box for access tokens is ticked, empty or not set."""
    return {READ: {"web": {"implicitGrantSettings": {"enableAccessTokenIssuance": on}}}}


MAIL_SEND = {"mail_send": "mail-id", "exchange_smtp_send": "smtp-id", "object_id": "object-1"}
DECLARED = resource(EXCHANGE_APP_ID.upper(), MAIL_ID="Role")
ROLES = "GET /servicePrincipals/sp-1/appRoleAssignments"
BARE_EXCHANGE, BARE_GRAPH = {EXCHANGE: {"id": "exchange-sp"}}, {GRAPH: {"id": "graph-sp"}}
SWITCHED_OFF = exposes("exchange-sp", SCOPE | {"isEnabled": False})
WHOLE = {EXCHANGE: exposes("exchange-sp", SCOPE, roles=[ROLE])}
looks = {
    "ok: the tenant's own IDs": WHOLE | BARE_GRAPH,
    "wrong exchange_service_missing: Exchange is not in the tenant": {},
    "wrong permission_id_unknown: a scope that is switched off": {EXCHANGE: SWITCHED_OFF},
    "ok: Graph's own SMTP.Send is enough": BARE_EXCHANGE | {GRAPH: exposes("graph-sp", SCOPE)},
}
OF_APPS = rows("permissions", looks)
DEACTIVATED = {"facts": CLIENT | {"deactivated": "yes"}}
LOOKED_UP = {USER: {"id": "user-1"}, "facts": CLIENT}
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
    "ok: the user is looked up if nobody has yet": service(MINE, **SHUT) | LOOKED_UP,
    "wrong app_disabled_by_microsoft: Microsoft disabled it": service(**BANNED),
    "wrong app_deactivated: it is deactivated": service(isDisabled=True),
    "wrong app_deactivated: its registration says so": service() | DEACTIVATED,
    "wrong app_disabled_by_microsoft: other properties stay in the plan": service(
        isDisabled=True, **BANNED, **CLOSED
    ),
}
OF_APPS += rows("service_principal", looks, facts=CLIENT | {"user_id": "user-1"})
looks = {
    "ok: the user's own grants": grants(SMTP, SIGN_IN),
    "ok: grants for everybody": grants(SMTP | OF_ALL, SIGN_IN | {"principalId": ""}),
    "ok: scopes in several grants": grants(
        SMTP, SIGN_IN | {"scope": "openid"}, SIGN_IN | OF_ALL | {"scope": "profile offline_access"}
    ),
    "ok: in another case": grants(
        SMTP | {"resourceId": "EXCHANGE-SP", "principalId": "USER-1", "scope": "smtp.send"}, SIGN_IN
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
    | (shared("unknown") | CHECK),
    "wrong consent_missing: nothing is planned for an unknown delegate": grants() | shared("yes"),
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
GRAPHS = resource(GRAPH_APP_ID, USER_READ="Scope", old_id="Role")
USER_READ = resource(GRAPH_APP_ID, USER_READ="Scope")
EXPOSES = exposes("graph-sp", {"id": "user-read", "value": "User.Read"}, roles=[{"id": "r"}])
SMTP_OF_OURS = resource(EXCHANGE_APP_ID, SMTP_ID="Scope")
NEW = {WRITE: (201, APP)}
THEIRS = APP | {"appId": "theirs", "uniqueName": None}
OFFERED = THEIRS | {"requiredResourceAccess": [], "web": {"redirectUris": URIS[:1]}}
THEIR_ID = "GET /applications(appId='theirs')"
BY_ID = "GET /applications(appId='client-1')"
BY_HAND = {"channel": {"callback_url": URIS[0]}, "brief": Brief("client-1", by_hand=True)}
FIX, ADOPTED = {"kind": "fix"}, {"answers": {"adopt": "theirs"}}


def app(**parts):
    """Return the mailbox's app, with these parts."""
    return {READ: APP | parts}


def uris(*those: str, **platforms):
    """Return the mailbox's app with these redirect URIs, and with those of other platforms."""
    others = {name: {"redirectUris": list(there)} for name, there in platforms.items()}
    return app(web={"redirectUris": list(those)}, **others)


def by_hand(**parts):
    """Return an app that was made by hand, with these parts."""
    return {BY_ID: APP | {"web": {"redirectUris": URIS[:1]}, "requiredResourceAccess": []} | parts}


def knows(number: int, **more):
    """Return a run that knows the client ID that Webex Connect was given."""
    return {"brief": Brief(client_id=f"client-{number}"), **more}


def offers(*apps):
    """Return a setup that finds these apps in the tenant's list."""
    return {"GET /applications": list(apps), "looking": True, **NEW}


def declares(*access):
    """Return the mailbox's app, which declares these permissions."""
    return app(requiredResourceAccess=list(access))


BOTS, CALLBACK = (URIS[1], URIS[0])
MANY, NO_CONSENT = {"signInAudience": "AzureADMultipleOrgs"}, FixBrief(consent_missing=True)
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
    "wrong permission_not_declared: nothing declared": declares(),
    "wrong permission_not_declared: which a check notices, too": declares() | CHECK,
    "wrong redirect_uri_mismatch: other people's values stay": app(
        web={"redirectUris": ["https://else.test/x"], "logoutUrl": "https://else.test/out"},
        requiredResourceAccess=[USER_READ],
    ),
    "wrong permission_not_declared: Graph's SMTP.Send if Exchange has none": app()
    | {"facts": {"graph_smtp_send": "graph-smtp"}},
    "wrong permission_id_unknown: an unknown permission": declares(*ACCESS, GRAPHS)
    | {GRAPH: EXPOSES},
    "wrong reply_address_missing: the plan names it beside what else is wrong": app(
        web={}, requiredResourceAccess=[*ACCESS, GRAPHS]
    )
    | {GRAPH: EXPOSES},
    "ok: a resource without a list is not judged": declares(*ACCESS, GRAPHS) | BARE_GRAPH,
    "ok: nor one that is missing": declares(*ACCESS, GRAPHS),
    "ok: nor another API": declares(*ACCESS, GRAPHS | {"resourceAppId": "another-api"}),
    "ok: the bot's own in another case": declares(*ACCESS, SMTP_OF_OURS),
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
    "ok: a check finds it by an earlier run's client ID": {BY_ID: APP} | knows(1, **CHECK),
    "wrong reply_address_missing: a fix restores its name": {
        BY_ID: APP | {"web": {"redirectUris": []}}
    }
    | knows(1, **FIX),
    "wrong app_not_found: Webex Connect has the ID of a deleted app": app() | knows(0, **CHECK),
    "ok: the other app is there": app()
    | ({"GET /applications(appId='client-0')": APP | {"appId": "client-0"}} | knows(0, **CHECK)),
    "ok: the same ID in another case": app() | (CHECK | {"brief": Brief(client_id="CLIENT-1")}),
    "ok: a fix gives out the new ID": app() | knows(0, **FIX),
    "wrong app_not_found: one made by hand is offered": offers(OFFERED),
    "wrong app_not_found: of two none is": offers(OFFERED, OFFERED | {"appId": "other"}),
    "wrong app_not_found: nor one with a name": offers(OFFERED | {"uniqueName": "x"}),
    "wrong: it is adopted": {THEIR_ID: OFFERED} | ADOPTED,
    "ok: it does not keep the name": {THEIR_ID: THEIRS}
    | (ADOPTED | {"changed": {"application": now()}}),
    "wrong redirect_uri_is_spa: a deactivated app is told with its other trouble": app(
        isDisabled=True, spa={"redirectUris": [CALLBACK]}
    ),
}
OF_APPS += rows("application", looks, facts=FACTS)
ELSEWHERE, NOWHERE = (
    {"redirectUris": those} for those in (["https://portal.contoso.com/callback"], [])
)
NO_CALLBACK = {"channel": {"callback_url": ""}}
CONSENTS = {"brief": Brief("client-1", by_hand=True, fix=NO_CONSENT)}
looks = {
    "ok: by hand: what a setup would add is not missed": by_hand() | CHECK,
    "wrong redirect_uri_mismatch: by hand: a consent needs the bot's address": by_hand()
    | (FIX | CONSENTS),
    "wrong: by hand: a check notices a wide audience": by_hand(**MANY) | CHECK,
    "ok: by hand: a fix leaves it": by_hand(**MANY) | FIX,
    "wrong redirect_uri_mismatch: by hand: it leads elsewhere": by_hand(web=ELSEWHERE)
    | (CHECK | NO_CALLBACK),
    "wrong reply_address_missing: by hand: it leads nowhere": by_hand(web=NOWHERE)
    | (CHECK | NO_CALLBACK),
    "skipped: by hand: an unknown app is not called missing": CHECK
    | {"brief": Brief(by_hand=True)},
}
OF_APPS += rows("application", looks, facts=FACTS, **BY_HAND)
looks = {"ok: by hand: the box is nobody's wish": by_hand()}
OF_APPS += rows("implicit_grant", looks, **BY_HAND, **CHECK)
looks = {"ok: by hand: a fix leaves the implied grants": grants(SMTP)}
OF_APPS += rows("smtp_grant", looks, **BY_HAND, **FIX, facts=GRANTED)


SECRET_RULES = "GET /policies/defaultAppManagementPolicy"
ADD = "POST /applications/object-1/addPassword"
EARLIER, OWN_SECRET = "Webex Connect EARLIER", "Webex email bot, rehearsal and check"


def secret(name: str, days: float, key_id: str = "k1"):
    """Return a client secret that ends in so many days."""
    end = (now() + timedelta(days=days)).isoformat()
    return {"keyId": key_id, "displayName": name, "hint": "abc", "endDateTime": end}


def secrets(*those, read: str = READ, **parts):
    """Return an app with these client secrets, to which one more can be added."""
    new = {"keyId": "k9", "secretText": "value", "endDateTime": "2027-11-25T00:00:00Z"}
    return {read: {"id": "object-1", "passwordCredentials": list(those), **parts}, ADD: new}


def limited(**rule: str):
    """Return the tenant's policy with one rule for client secrets."""
    rules = {"passwordCredentials": [rule]}
    return {SECRET_RULES: {"isEnabled": True, "applicationRestrictions": rules}}


FORBIDDEN = limited(restrictionType="passwordAddition")
HOUR, MONTH, QUARTER, YEARS = (
    limited(restrictionType="passwordLifetime", maxLifetime=most)
    for most in ("PT1H", "P30D", "P90D", "P2Y")
)
YOUNGER = limited(
    restrictionType="passwordAddition", restrictForAppsCreatedAfterDateTime="2026-01-01T00:00:00Z"
)
SHOWN = {"facts": {"object_id": "object-1", "key_id": "k1"}, "shown": "k1"}
HANDMADE = BY_HAND | CHECK
LOST = {"answers": {"new_secret": "k1"}}
KEPT, REHEARSED = {f"check-secret:{MAILBOX}": "value"}, {"rehearsal-secret:RUN": "value"}
THERE = {"object_id": "object-1", "own_secret": "yes"}


def sealed(key_id: str):
    """Return a run that has sealed its client secret."""
    return {"sealed": {"secret:RUN": "value", "secret-key:RUN": key_id}}


def earlier(days: float, *others, **parts):
    """Return an app with a secret of an earlier run that ends in so many days, and with others."""
    return secrets(secret(EARLIER, days), *others, **parts)


def theirs(*those):
    """Return an app that was made by hand, with these client secrets."""
    return secrets(*those, read=BY_ID)


OWN, SECOND = (secret("Webex Connect RUN", 300, key_id) for key_id in ("k1", "k2"))
OTHER, BY_A_PERSON = secret("Webex Connect OTHER", 300), secret("by hand", 300, "k2")
SHORT = secrets(secret("Webex Connect RUN", 1 / 48)) | HOUR
SEALED_KEY = {"shown": "k2", "sealed": {"secret-key:RUN": "k2"}}
looks = {
    "ok: one that is sealed can be shown once": secrets(OWN) | sealed("k1"),
    "ok: the run's own is never replaced": SHORT | sealed("k1"),
    "ok: its sealed successor": secrets(OWN, SECOND) | LOST | sealed("k2"),
    "ok: a successor that was shown before it was listed": secrets(OWN, SECOND)
    | (LOST | SEALED_KEY),
    "wrong: a new app has none": secrets(),
    "wrong: one that nobody can see does not count": secrets(OTHER, BY_A_PERSON),
    "wrong: a policy for younger apps": secrets(createdDateTime="2025-06-01T00:00:00Z") | YOUNGER,
    "wrong: a limit that cuts nothing": secrets() | YEARS,
    "wrong: a limit that cuts": secrets() | QUARTER,
}
OF_APPS += rows("client_secret", looks, facts={"object_id": "object-1"})
OLD_OWN, OLD_THEIRS = secret(OWN_SECRET, 90, "k9"), secret("by hand", -1, "k9")
looks = {
    "wrong: a lost one counts no more": secrets(OWN) | LOST | {"changed": {"client_secret": now()}},
    "ok: one that was handed over": earlier(300),
    "wrong client_secret_expires_soon: it ends soon": earlier(10),
    "warning client_secret_expires_soon: of which a check warns": earlier(10) | CHECK,
    "wrong client_secret_expired: it has ended": earlier(-1) | CHECK,
    "wrong secret_forbidden_by_policy: forbidden": secrets() | FORBIDDEN,
    "wrong secret_forbidden_by_policy: ended, and forbidden": earlier(-1) | FORBIDDEN,
    "warning secret_forbidden_by_policy: the last": earlier(10) | FORBIDDEN,
    "ok: 11 of 30 days": earlier(11) | MONTH,
    "wrong client_secret_expires_soon: a third of 30 days": earlier(9) | MONTH,
    "ok: without an end it never ends": secrets(secret(EARLIER, 1) | {"endDateTime": ""}),
    "wrong client_secret_expired: the bot's own is none": earlier(-1, OLD_OWN) | CHECK,
    "wrong client_secret_expired: another that has ended": earlier(-1, OLD_THEIRS) | CHECK,
    "wrong: of an app that was made anew": earlier(300, appId="client-1") | knows(0, **FIX),
    "ok: of the app in Webex Connect": earlier(300, appId="client-1") | knows(1, **FIX),
}
OF_APPS += rows("client_secret", looks, **SHOWN)
looks = {
    "ok: by hand: any may be in use": theirs(secret("webex", 90)),
    "wrong client_secret_expired: by hand: ended": theirs(secret("webex", -1)),
    "warning client_secret_expires_soon: by hand: ends soon": theirs(secret("webex", 5)),
    "wrong client_secret_gone: by hand: the bot's own": theirs(secret(OWN_SECRET, 90)),
    "wrong client_secret_gone: by hand: none": theirs(),
}
OF_APPS += rows("client_secret", looks, facts={"object_id": "object-1"}, **HANDMADE)
OLD_UNUSED = secret(OWN_SECRET, 90, "old"), secret("Webex Connect X", 300, "theirs")
looks = {
    "skipped: nobody rehearses": {"answers": {"rehearse": "skip:away"}},
    "skipped: an earlier run has proven the channel": {"proven": True},
    "wrong: it replaces an unused one": secrets(*OLD_UNUSED),
    "ok: the run's own, which Microsoft may not list yet": {"sealed": REHEARSED},
    "ok: the kept one, which the app has": {"sealed": KEPT, "facts": THERE},
    "wrong: the kept one, which the app has no more": secrets() | {"sealed": KEPT},
    "ok: the kept one of this run": {"sealed": KEPT, "changed": {"check_secret": now()}},
}
OF_APPS += rows("check_secret", looks, facts={"object_id": "object-1"})
