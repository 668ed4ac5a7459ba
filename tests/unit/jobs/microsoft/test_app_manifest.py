"""Tests of the functions that read and write the email app's registration as plain data."""

from __future__ import annotations

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from jobs.microsoft.app_manifest import (
    declares,
    issues_access_tokens,
    merged,
    permission_id,
    unique_name,
    unknown_to,
    web,
    with_permission,
    without_permission,
)

ONE = {"resourceAppId": "exchange", "resourceAccess": [{"id": "smtp", "type": "Scope"}]}
BOTH = {
    "resourceAppId": "exchange",
    "resourceAccess": [{"id": "smtp", "type": "Scope"}, {"id": "mail", "type": "Role"}],
}
OTHER = {"resourceAppId": "graph", "resourceAccess": [{"id": "user", "type": "Scope"}]}


@pytest.mark.parametrize(
    ("there", "access"),
    [
        (None, [ONE]),
        ({}, [ONE]),
        ({"requiredResourceAccess": None}, [ONE]),
        ({"requiredResourceAccess": [OTHER]}, [OTHER, ONE]),
        ({"requiredResourceAccess": [ONE]}, [ONE]),
        (
            {"requiredResourceAccess": [{"resourceAppId": "exchange", "resourceAccess": None}]},
            [ONE],
        ),
    ],
)
def test_one_more_permission(there: dict[str, object] | None, access: list[object]):
    """If a permission is added, existing permissions stay, and none is listed twice."""
    assert with_permission(there, "exchange", "smtp", "Scope") == access


def test_a_second_permission_of_a_resource_joins_the_first():
    """A second permission is added to the one entry of its resource.

    The registration that was read is not changed.
    """
    there = {"requiredResourceAccess": [ONE]}
    assert (with_permission(there, "EXCHANGE", "mail", "Role"), there) == (
        [BOTH],
        {"requiredResourceAccess": [ONE]},
    )


def test_one_permission_less():
    """If the last permission of a resource is removed, its entry is removed as well."""
    there = {"requiredResourceAccess": [BOTH, OTHER]}
    assert without_permission(there, "exchange", "MAIL") == [ONE, OTHER]
    assert without_permission({"requiredResourceAccess": [ONE, OTHER]}, "exchange", "smtp") == [
        OTHER
    ]
    assert without_permission(None, "exchange", "smtp") == []


@pytest.mark.parametrize(
    ("principals", "unknown"),
    [
        ({}, ()),
        ({"exchange": {}}, ()),
        (
            {
                "exchange": {
                    "appRoles": [{"id": "MAIL"}],
                    "oauth2PermissionScopes": [{"id": "smtp"}],
                }
            },
            (),
        ),
        (
            {"exchange": {"appRoles": [{"id": "mail"}], "oauth2PermissionScopes": None}},
            (("exchange", "smtp"),),
        ),
        (
            {"exchange": {"oauth2PermissionScopes": [{"id": "mail"}]}},
            (("exchange", "smtp"), ("exchange", "mail")),
        ),
    ],
)
def test_what_a_resource_does_not_expose(
    principals: dict[str, dict[str, object]], unknown: tuple[object, ...]
):
    """A permission is unknown if its resource lists permissions, but not this one in its kind.

    A resource that lists no permissions makes nothing unknown.
    """
    assert unknown_to({"requiredResourceAccess": [BOTH, OTHER]}, principals) == unknown


def test_what_is_declared():
    """A declared permission is found by resource and id, in any letter case."""
    app = {"requiredResourceAccess": [ONE]}
    assert [
        declares(app, *each)
        for each in (("EXCHANGE", "SMTP"), ("exchange", "mail"), ("graph", "smtp"))
    ] == [True, False, False]


@drawn(st.lists(st.text()), st.lists(st.text(), unique=True))
def test_merging_keeps_what_is_there_in_front(there: list[str], wanted: list[str]):
    """A merge keeps the existing values in front, and adds each missing value once.

    Merging again changes nothing.
    """
    both = merged(there, wanted)
    assert both[: len(there)] == there
    assert both[len(there) :] == [each for each in wanted if each not in there]
    assert merged(both, wanted) == both


@drawn(st.emails())
def test_names_are_safe_and_told_apart(mailbox: str):
    """An app's unique name has only letters, digits and dashes, and is short enough for Entra.

    Another mailbox has another name.
    """
    name = unique_name(mailbox)
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert len(name) <= 120
    assert name != unique_name("x" + mailbox)


@pytest.mark.parametrize(
    ("principal", "found"),
    [
        (None, ""),
        ({}, ""),
        ({"oauth2PermissionScopes": [{"value": "SMTP.Send", "id": 7}]}, "7"),
        ({"oauth2PermissionScopes": [{"value": "SMTP.Send", "id": "a", "isEnabled": False}]}, ""),
        ({"appRoles": [{"value": "SMTP.Send", "id": "role"}]}, ""),
    ],
)
def test_ids_are_read(principal: dict[str, object] | None, found: str):
    """A permission's ID is read from the enabled scopes, and not from the roles."""
    assert permission_id(principal, "SMTP.Send") == found


def test_a_box_that_was_never_touched_is_off():
    """Without an app, a web platform or settings, the access token box counts as off."""
    assert [
        issues_access_tokens(app)
        for app in (None, {}, {"web": None}, {"web": {"implicitGrantSettings": None}})
    ] == [False] * 4


def test_the_web_platform_as_it_can_be_written_back():
    """The web platform is written back without nulls and without ``redirectUriSettings``.

    These would contradict new addresses.
    """
    there = {
        "redirectUris": ["u"],
        "redirectUriSettings": [{"uri": "u", "index": None}],
        "homePageUrl": None,
        "logoutUrl": "l",
    }
    assert (web({"web": there}), web({"web": None}), web(None)) == (
        {"redirectUris": ["u"], "logoutUrl": "l"},
        {},
        {},
    )
