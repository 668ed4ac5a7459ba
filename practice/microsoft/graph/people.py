"""Users and groups of Graph, with the inbox rules and directory roles of the signed-in person."""

from __future__ import annotations

from typing import Any, Final

from practice.microsoft import ids
from practice.microsoft.graph import odata
from practice.microsoft.graph.call import PERSON, USERS_READ, Answer, Call, absent, bad, route
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


def _me(call: Call) -> User:
    if call.user is None:
        raise bad("/me request is only valid with delegated authentication flow.")
    return call.user


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


@route("GET", "/me", PERSON)
def me(call: Call) -> Answer:
    """Return the signed-in person."""
    return _shown(call, _me(call))


@route("GET", "/me/transitiveMemberOf/microsoft.graph.directoryRole", PERSON)
@route("GET", "/me/memberOf/microsoft.graph.directoryRole", PERSON)
def my_roles(call: Call) -> Answer:
    """Return the directory roles of the signed-in person."""
    roles = [
        {"id": new_id(), "roleTemplateId": role, "displayName": ids.ROLE_NAMES.get(role, role)}
        for role in sorted(_me(call).roles)
    ]
    return odata.listed(call, roles, "directoryRoles")


@route(
    "GET",
    "/users{key}/mailFolders/inbox/messageRules",
    frozenset({"MailboxSettings.Read", "MailboxSettings.ReadWrite"}),
)
def message_rules(call: Call, key: str) -> Answer:
    """Return the inbox rules of the caller's own mailbox.

    A delegated token reaches no other mailbox.
    """
    found = find(call, key)
    if found is not call.user:
        raise absent(found.upn)
    return odata.listed(
        call, list(found.mailbox.inbox_rules if found.mailbox else []), "messageRules"
    )


@route("GET", "/users{key}/transitiveMemberOf", USERS_READ)
@route("GET", "/users{key}/memberOf", USERS_READ)
def groups_of(call: Call, key: str) -> Answer:
    """Return the groups in which a user is a member."""
    found = find(call, key)
    mine = [
        group
        for group in call.tenant.groups
        if any(found.known_as(member) for member in group["members"])
    ]
    return odata.listed(call, [_group(group) for group in mine], "directoryObjects")


def _group(group: Json) -> Json:
    return {name: value for name, value in group.items() if name != "members"} | {
        "@odata.type": "#microsoft.graph.group"
    }
