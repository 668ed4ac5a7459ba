"""Users and groups of Graph, with the inbox rules and directory roles of the signed-in person."""

from typing import Any, Final

from practice.microsoft.graph import odata
from practice.microsoft.graph.call import PERSON, USERS_READ, Answer, Call, absent, route
from practice.microsoft.world import LONG_AGO, User, new_id, stamp

Json = dict[str, Any]
USUAL: Final = frozenset(
    [
        "businessPhones",
        "displayName",
        "givenName",
        "jobTitle",
        "mail",
        "mobilePhone",
        "officeLocation",
        "preferredLanguage",
        "surname",
        "userPrincipalName",
        "id",
    ]
)
USER: Final = USUAL | frozenset(
    [
        "accountEnabled",
        "assignedLicenses",
        "assignedPlans",
        "createdDateTime",
        "city",
        "companyName",
        "country",
        "department",
        "employeeId",
        "mailNickname",
        "otherMails",
        "lastPasswordChangeDateTime",
        "proxyAddresses",
        "onPremisesSyncEnabled",
        "signInSessionsValidFromDateTime",
        "usageLocation",
        "userType",
    ]
)
FILTERS: Final = {
    "userPrincipalName": odata.TEXT,
    "mail": odata.TEXT,
    "displayName": odata.TEXT,
    "id": odata.EQ,
    "accountEnabled": odata.EQ,
    "proxyAddresses": frozenset({"any"}),
}


def user_json(user: User) -> Json:
    """Return a user as Graph represents it."""
    plan = {
        "assignedDateTime": stamp(LONG_AGO),
        "capabilityStatus": "Enabled",
        "service": "exchange",
        "servicePlanId": new_id(),
    }
    aliases = [f"smtp:{address}" for address in user.aliases]
    return {
        "id": user.id,
        "displayName": user.name,
        "givenName": user.name.split()[0],
        "surname": user.name.split()[-1],
        "userPrincipalName": user.upn,
        "mail": user.mail,
        "mailNickname": (user.mail or user.upn).partition("@")[0],
        "accountEnabled": user.enabled,
        "assignedPlans": [plan] if user.licensed else [],
        "assignedLicenses": [{"skuId": new_id(), "disabledPlans": []}] if user.licensed else [],
        "proxyAddresses": [f"SMTP:{user.mail}", *aliases] if user.mailbox else [],
        "createdDateTime": stamp(LONG_AGO),
        "signInSessionsValidFromDateTime": stamp(user.sessions_valid_from),
        "usageLocation": "DE",
        "userType": "Member",
        "businessPhones": [],
        "jobTitle": None,
        "mobilePhone": None,
        "officeLocation": None,
        "preferredLanguage": None,
        "otherMails": [],
    }


def find(call: Call, key: str) -> User:
    """Return a user by object ID or UPN; no other key works.

    Raises:
        GraphError: with status 404 when there is no such user.
    """
    wanted = key.strip("/()'").lower()
    for user in call.tenant.users.values():
        if wanted in {user.id, user.upn.lower()}:
            return user
    raise absent(wanted)


def _shown(call: Call, user: User) -> Answer:
    return odata.single(call, odata.select(call, user_json(user), USER, USUAL), "users")


@route("GET", "/users", USERS_READ)
def users(call: Call) -> Answer:
    """Return the users of the tenant."""
    found = odata.filtered(call, (user_json(user) for user in call.tenant.users.values()), FILTERS)
    return odata.listed(call, [odata.select(call, item, USER, USUAL) for item in found], "users")


@route("GET", "/users{key}", PERSON)
def user_(call: Call, key: str) -> Answer:
    """Return one user; without User.Read.All a person can read only itself."""
    found = find(call, key)
    if found is not call.user:
        call.need((USERS_READ,))
    return _shown(call, found)
