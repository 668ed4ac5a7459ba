"""Tests of the requests to Graph that find a user."""

from __future__ import annotations

import httpx
import pytest

from jobs.microsoft.graph import Graph
from tests.unit.jobs.microsoft.graph_directory import BASE, WHEN, Directory


async def test_a_user_is_found_by_upn(graph: Graph, directory: Directory):
    """The UPN of a user is a segment of the path, with the # of a guest encoded."""
    directory.on("GET", "/users/a#EXT#@contoso.com", (200, {"id": "u"}))
    assert await graph.user("a#EXT#@contoso.com") == {"id": "u"}
    assert directory.asked[0][1].startswith("/users/a%23EXT%23@contoso.com?")


@pytest.mark.parametrize(
    ("matches", "found"),
    [([{"id": "u"}], {"id": "u"}), ([], None), ([{"id": "u"}, {"id": "v"}], None)],
)
async def test_a_user_is_found_by_an_address_that_is_no_upn(
    graph: Graph, directory: Directory, matches: list[dict[str, str]], found: dict[str, str] | None
):
    """An address that is no UPN is searched for among all users' addresses.

    If two users match, none is returned.
    """
    directory.on("GET", "/users", (200, {"value": matches}))
    assert await graph.user("o'brien@contoso.com") == found
    wanted = (
        "proxyAddresses/any(p:p eq 'smtp:o''brien@contoso.com') or mail eq 'o''brien@contoso.com'"
    )
    assert httpx.URL(BASE + directory.asked[1][1]).params["$filter"] == wanted


async def test_a_user_is_found_where_the_filter_is_beyond_the_directory(
    graph: Graph, directory: Directory
):
    """If the directory does not support the filter, the user is found by the main address alone."""
    directory.on(
        "GET",
        "/users",
        (400, {"error": {"code": "Request_UnsupportedQuery"}}),
        (200, {"value": [{"id": "u"}]}),
    )
    assert await graph.user("o'brien@contoso.com") == {"id": "u"}
    assert (
        httpx.URL(BASE + directory.asked[-1][1]).params["$filter"]
        == "mail eq 'o''brien@contoso.com'"
    )


async def test_what_a_filter_let_through_is_looked_at_again(graph: Graph, directory: Directory):
    """Grants and sign-ins of another app are left out, even if the directory returns them."""
    directory.on(
        "GET",
        "/oauth2PermissionGrants",
        (200, {"value": [{"id": 1, "clientId": "SP"}, {"id": 2, "clientId": "x"}, {"id": 3}]}),
    )
    directory.on(
        "GET",
        "/auditLogs/signIns",
        (200, {"value": [{"id": 1, "appId": "x"}, {"id": 2, "appId": "APP"}]}),
    )
    assert [each["id"] for each in await graph.grants("sp")] == [1, 3]
    assert [each["id"] for each in await graph.sign_ins("app", WHEN)] == [2]
