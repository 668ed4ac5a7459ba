"""Tests of the functions that read and write the email app's registration as plain data."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given as drawn, strategies as st

from jobs.microsoft import app_manifest as manifest

ONE = {"resourceAppId": "exchange", "resourceAccess": [{"id": "smtp", "type": "Scope"}]}
MAIL, ROLES = {"id": "mail", "type": "Role"}, {"appRoles": [{"id": "MAIL"}]}
BOTH = ONE | {"resourceAccess": [{"id": "smtp", "type": "Scope"}, MAIL]}
OTHER = {"resourceAppId": "graph", "resourceAccess": [{"id": "user", "type": "Scope"}]}


@pytest.mark.parametrize(
    ("principals", "unknown"),
    [
        ({}, ()),
        ({"exchange": ROLES | {"oauth2PermissionScopes": [{"id": "smtp"}]}}, ()),
        ({"exchange": ROLES | {"oauth2PermissionScopes": None}}, ("smtp",)),
        ({"exchange": {"oauth2PermissionScopes": [{"id": "mail"}]}}, ("smtp", "mail")),
    ],
)
def test_what_a_resource_does_not_expose(principals, unknown):
    """A permission is unknown if its resource lists permissions, but not this one in its kind.

    A resource that lists no permissions makes nothing unknown.
    """
    app = {"requiredResourceAccess": [BOTH, OTHER]}
    assert manifest.unknown_to(app, principals) == tuple(("exchange", each) for each in unknown)


@pytest.mark.slow
@drawn(st.lists(st.text()), st.lists(st.text(), unique=True))
def test_merging_keeps_what_is_there_in_front(there, wanted):
    """A merge keeps the existing values in front, and adds each missing value once.

    Merging again changes nothing.
    """
    both = manifest.merged(there, wanted)
    assert both[: len(there)] == there
    assert both[len(there) :] == [each for each in wanted if each not in there]
    assert manifest.merged(both, wanted) == both


@pytest.mark.slow
@drawn(st.emails())
def test_names_are_safe_and_told_apart(mailbox):
    """An app's unique name has only letters, digits and dashes, and is short enough for Entra.

    Another mailbox has another name.
    """
    name = manifest.unique_name(mailbox)
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert len(name) <= 120
    assert name != manifest.unique_name("x" + mailbox)


def app(*entries):
    """Return a registration with these permissions."""
    return {"requiredResourceAccess": list(entries)}


def test_one_more_permission_and_one_less():
    """Permissions of others stay, none is listed twice, and case does not matter.

    A second permission is added to the one entry of its resource. If the last one is removed, its
    entry is removed as well. The registration that was read is not changed.
    """
    for there in (None, {"requiredResourceAccess": None}, app(ONE)):
        assert manifest.with_permission(there, "exchange", "smtp", "Scope") == [ONE]
    assert manifest.with_permission(app(OTHER), "exchange", "smtp", "Scope") == [OTHER, ONE]
    there = app(ONE)
    assert manifest.with_permission(there, "EXCHANGE", "mail", "Role") == [BOTH]
    assert there == app(ONE)
    assert manifest.without_permission(app(BOTH, OTHER), "exchange", "MAIL") == [ONE, OTHER]
    assert manifest.without_permission(app(ONE, OTHER), "exchange", "smtp") == [OTHER]
    assert manifest.without_permission(None, "exchange", "smtp") == []
    asked = (("EXCHANGE", "SMTP"), ("exchange", "mail"), ("graph", "smtp"))
    assert [manifest.declares(app(ONE), *each) for each in asked] == [True, False, False]


def test_ids_are_read():
    """A permission's ID is read from the enabled scopes, and not from the roles."""
    scope = {"value": "SMTP.Send", "id": 7}
    assert manifest.permission_id({"oauth2PermissionScopes": [scope]}, "SMTP.Send") == "7"
    off = {"oauth2PermissionScopes": [scope | {"isEnabled": False}], "appRoles": [scope]}
    assert [manifest.permission_id(each, "SMTP.Send") for each in (None, off)] == ["", ""]


def test_the_web_platform_as_it_can_be_written_back():
    """The web platform is written back without nulls and without ``redirectUriSettings``.

    These would contradict new addresses. Without settings, the access token box counts as off.
    """
    kept = {"redirectUris": ["u"], "logoutUrl": "l"}
    there = kept | {"redirectUriSettings": [{"uri": "u", "index": None}], "homePageUrl": None}
    assert (manifest.web({"web": there}), manifest.web({"web": None}), manifest.web(None)) == (
        kept,
        {},
        {},
    )
    apps = (None, {}, {"web": None}, {"web": {"implicitGrantSettings": None}})
    assert not any(map(manifest.issues_access_tokens, apps))


MADE = datetime(2026, 6, 1, tzinfo=UTC)
NOTHING, FORBIDDEN = manifest.SecretRules(), manifest.SecretRules(forbidden=True)
LIFETIME = {"restrictionType": "passwordLifetime"}
ADDITION = {"restrictionType": "passwordAddition"}


def lasting(most: str | None):
    """Return a restriction with that longest lifetime."""
    return LIFETIME | {"maxLifetime": most}


NINETY, HUGE = lasting("P90D"), ((30, "Y"), (5000, "Y"), (30, "D"))


def policy(*rules, **more):
    """Return a policy as Graph shows it."""
    restrictions = {"passwordCredentials": list(rules)}
    return {"isEnabled": True, "applicationRestrictions": restrictions} | more


def days(number: float) -> manifest.SecretRules:
    """Return rules with that longest lifetime in days, and secrets allowed."""
    return manifest.SecretRules(longest=timedelta(days=number))


@pytest.mark.parametrize(
    ("found", "rules"),
    [
        ({}, NOTHING),
        ({"applicationRestrictions": None}, NOTHING),
        (policy(ADDITION), FORBIDDEN),
        (policy({"restrictionType": "customPasswordAddition"}), NOTHING),
        (policy(ADDITION | {"state": None}), FORBIDDEN),
        (policy(ADDITION | {"state": "Disabled"}), NOTHING),
        (policy(ADDITION, isEnabled=False), NOTHING),
        (policy(ADDITION, isEnabled=None), FORBIDDEN),
        (policy(NINETY, lasting("P30D")), days(30)),
        (policy({"restrictionType": "PasswordLifetime", "maxLifetime": "P1Y"}), days(365)),
        (policy(lasting("P6M5DT24H")), days(186)),
        (policy(lasting("forever")), NOTHING),
        *((policy(lasting(f"P{'9' * n}{unit}")), NOTHING) for n, unit in HUGE),
    ],
)
def test_what_is_in_force(found, rules):
    """The shortest limit of a policy applies, and a null state does not turn a rule off.

    A rule that is off or unreadable has no effect.
    """
    assert manifest.rules_for(found, MADE) == rules


@pytest.mark.parametrize(
    ("since", "reaches"),
    [
        ("2026-06-01T00:00:00Z", True),
        ("2026-06-01T00:00:01Z", False),
        ("9999-12-31T23:59:59-14:00", True),
        (None, True),
    ],
)
def test_a_restriction_may_spare_older_apps(since, reaches):
    """A restriction counts only for apps that were created from its date on.

    A restriction without a readable date counts for all apps.
    """
    rules = [rule | {"restrictForAppsCreatedAfterDateTime": since} for rule in (ADDITION, NINETY)]
    both = manifest.SecretRules(forbidden=True, longest=timedelta(days=90))
    assert manifest.rules_for(policy(*rules), MADE) == (both if reaches else NOTHING)


@pytest.mark.parametrize(
    ("start", "months", "limit", "end"),
    [
        (datetime(2027, 8, 31, tzinfo=UTC), 6, None, datetime(2028, 2, 29, tzinfo=UTC)),
        (datetime(2024, 2, 29, tzinfo=UTC), 24, None, datetime(2026, 2, 28, tzinfo=UTC)),
        (MADE, 12, timedelta(days=30), datetime(2026, 6, 30, 23, 55, tzinfo=UTC)),
        (MADE, 12, timedelta.max, datetime(2027, 6, 1, tzinfo=UTC)),
    ],
)
def test_months_end_on_the_same_day_or_the_last(start, months, limit, end):
    """A lifetime in months ends on the same day of the month, or on its last day.

    A policy's limit shortens it to the limit less five minutes. One beyond the calendar's last year
    shortens nothing.
    """
    assert manifest.expiry(start, months, limit) == end
