"""Tests of the exact requests to Graph, and of the handling of its answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from jobs.clouds.errors import AlreadyExists, MalformedAnswer, NotFound, SignInNeeded, Transient
from jobs.clouds.http import async_client
from jobs.microsoft.graph import Graph, NewPassword, TraceFilter
from jobs.settings import Settings
from tests.unit.jobs.microsoft.graph_directory import BASE, WHEN, Directory


async def test_a_key_is_quoted_and_encoded(graph: Graph, directory: Directory):
    """A quote in a key is doubled, and each character with a meaning in a URL is encoded."""
    directory.on("GET", "/applications(uniqueName='o''brien/é&#')", (200, {"id": "a"}))
    assert await graph.application_by_unique_name("o'brien/é&#") == {"id": "a"}
    assert directory.asked == [
        ("GET", "/applications(uniqueName='o%27%27brien%2F%C3%A9%26%23')", None)
    ]
    assert directory.headers[0]["authorization"] == "Bearer token-1"


async def test_an_application_that_is_not_there_is_none(graph: Graph):
    """A search that Graph answers with 404 returns None, and is not an error."""
    assert await graph.application_by_unique_name("x") is None
    assert await graph.application_by_app_id("x") is None
    assert await graph.service_principal("x") is None


async def test_an_app_is_known_by_its_object_id_and_among_all(graph: Graph, directory: Directory):
    """Apps are read with only the properties that identify whose app it is."""
    directory.on("GET", "/applications/obj", (200, {"id": "obj"}))
    directory.on("GET", "/applications", (200, {"value": [{"id": "obj"}]}))
    assert (await graph.application_by_id("obj"), await graph.application_by_id("other")) == (
        {"id": "obj"},
        None,
    )
    assert await graph.applications() == [{"id": "obj"}]
    assert (
        unquote(directory.asked[-1][1])
        == "/applications?$select=id,appId,displayName,uniqueName,web"
    )


async def test_upsert_gives_the_application_created_or_changed(graph: Graph, directory: Directory):
    """An upsert returns the application: it is in a 201, and is read again after a 204."""
    path = "/applications(uniqueName='webex')"
    directory.on("PATCH", path, (201, {"id": "new"}), (204, None))
    directory.on("GET", path, (200, {"id": "old"}))
    assert [await graph.upsert_application("webex", {"displayName": "W"}) for _ in range(2)] == [
        {"id": "new"},
        {"id": "old"},
    ]
    assert [each[0] for each in directory.asked] == ["PATCH", "PATCH", "GET"]
    assert directory.headers[0]["prefer"] == "create-if-missing"
    assert directory.asked[0][2] == {"displayName": "W"}


async def test_a_new_secret_is_asked_for_once_and_kept_out_of_sight(
    graph: Graph, directory: Directory
):
    """A new secret's end is sent in UTC to the second, and its value is not in the repr."""
    answer = {
        "keyId": "k",
        "hint": "abc",
        "endDateTime": "2027-05-20T12:30:01Z",
        "secretText": "abc~secret",
    }
    directory.on("POST", "/applications/obj/addPassword", (200, answer))
    made = await graph.add_password("obj", "webex 1", WHEN)
    assert made == NewPassword("k", "abc~secret")
    assert "abc~secret" not in repr(made)
    assert directory.asked[0][2] == {
        "passwordCredential": {"displayName": "webex 1", "endDateTime": "2027-05-20T12:30:01Z"}
    }


@pytest.mark.parametrize("status", [500, 503, 504])
async def test_a_secret_whose_answer_is_lost_is_not_made_twice(
    graph: Graph, directory: Directory, status: int
):
    """AddPassword is not sent again after a lost answer, because it would make a second secret.

    The caller first looks for a secret that the lost request has made.
    """
    directory.on("POST", "/applications/obj/addPassword", (status, None))
    with pytest.raises(Transient):
        await graph.add_password("obj", "webex 1", WHEN)
    assert len(directory.asked) == 1


@pytest.mark.parametrize("value", [{}, {"secretText": ""}, {"secretText": ["abc~secret"]}])
async def test_a_secret_without_its_value_is_unreadable(
    graph: Graph, directory: Directory, value: dict[str, object]
):
    """An answer without a text in ``secretText`` is useless, and is reported as unreadable."""
    directory.on("POST", "/applications/obj/addPassword", (200, {"keyId": "k"} | value))
    with pytest.raises(MalformedAnswer):
        await graph.add_password("obj", "webex 1", WHEN)


async def test_a_service_principal_is_made_by_the_apps_id(graph: Graph, directory: Directory):
    """A service principal is created with the app's ID and nothing else."""
    directory.on("POST", "/servicePrincipals", (201, {"id": "sp"}))
    assert await graph.create_service_principal("app-1") == {"id": "sp"}
    assert directory.asked == [("POST", "/servicePrincipals", {"appId": "app-1"})]


async def test_a_service_principal_that_somebody_else_made_meanwhile_is_there(
    graph: Graph, directory: Directory
):
    """A 409 for a new service principal becomes ``AlreadyExists``, and the caller looks again."""
    directory.on(
        "POST",
        "/servicePrincipals",
        (409, {"error": {"code": "Request_MultipleObjectsWithSameKeyValue"}}),
    )
    with pytest.raises(AlreadyExists):
        await graph.create_service_principal("app-1")


@pytest.mark.parametrize(
    ("principal", "body"),
    [
        (None, {"consentType": "AllPrincipals"}),
        ("user-1", {"consentType": "Principal", "principalId": "user-1"}),
    ],
)
async def test_a_grant_is_for_one_user_or_for_all(
    graph: Graph, directory: Directory, principal: str | None, body: dict[str, str]
):
    """A grant with a principal is for that user, and a grant without one is for all users."""
    directory.on("POST", "/oauth2PermissionGrants", (201, {"id": "g"}))
    await graph.create_grant("client", "exchange", "SMTP.Send", principal)
    assert directory.asked[0][2] == {
        "clientId": "client",
        "resourceId": "exchange",
        "scope": "SMTP.Send",
        **body,
    }


async def test_a_grant_that_exists_is_already_there(graph: Graph, directory: Directory):
    """A 409 for a new grant becomes ``AlreadyExists``, and the caller merges the scopes."""
    directory.on(
        "POST",
        "/oauth2PermissionGrants",
        (409, {"error": {"code": "x", "message": "Permission entry already exists."}}),
    )
    with pytest.raises(AlreadyExists):
        await graph.create_grant("client", "exchange", "SMTP.Send")


async def test_each_write_is_one_documented_request(graph: Graph, directory: Directory):
    """Each change and each removal is one request with the documented method, path and body."""
    for method, path in (
        ("PATCH", "/applications/obj"),
        ("DELETE", "/applications/obj"),
        ("POST", "/applications/obj/removePassword"),
        ("PATCH", "/oauth2PermissionGrants/g"),
        ("DELETE", "/oauth2PermissionGrants/g"),
        ("DELETE", "/servicePrincipals/sp"),
    ):
        directory.on(method, path, (204, None))
    await graph.update_application("obj", {"notes": "n"})
    await graph.remove_password("obj", "k")
    await graph.update_grant("g", "SMTP.Send offline_access")
    await graph.delete_grant("g")
    await graph.delete_service_principal("sp")
    await graph.delete_application("obj")
    assert directory.asked == [
        ("PATCH", "/applications/obj", {"notes": "n"}),
        ("POST", "/applications/obj/removePassword", {"keyId": "k"}),
        ("PATCH", "/oauth2PermissionGrants/g", {"scope": "SMTP.Send offline_access"}),
        ("DELETE", "/oauth2PermissionGrants/g", None),
        ("DELETE", "/servicePrincipals/sp", None),
        ("DELETE", "/applications/obj", None),
    ]


async def test_what_is_gone_already_is_removed(graph: Graph, directory: Directory):
    """Deleting an object that is gone already is a success.

    An earlier try may have deleted it, and its answer may be lost.
    """
    await graph.delete_grant("g")
    assert directory.asked == [("DELETE", "/oauth2PermissionGrants/g", None)]


async def test_lists_are_read_over_their_pages_and_nowhere_else(graph: Graph, directory: Directory):
    """The next page of a list is always read from this Graph, whatever host the next link names."""
    first = {
        "value": [{"id": 1}],
        "@odata.nextLink": "http://localhost:9000/v1.0/oauth2PermissionGrants?$skiptoken=2",
    }
    second = {"value": [{"id": 2}]}
    directory.on("GET", "/oauth2PermissionGrants", (200, first), (200, second))
    assert await graph.grants("sp") == [{"id": 1}, {"id": 2}]
    assert {headers["host"] for headers in directory.headers} == {"graph.microsoft.com"}
    assert [unquote(asked[1]).replace("+", " ") for asked in directory.asked] == [
        "/oauth2PermissionGrants?$filter=clientId eq 'sp'",
        "/oauth2PermissionGrants?$skiptoken=2",
    ]


@pytest.mark.parametrize(
    "link", ["https://evil.test/x", "https://graph.microsoft.com/beta/x?$skiptoken=2", 7]
)
async def test_a_next_page_that_leads_elsewhere_is_no_end(
    graph: Graph, directory: Directory, link: object
):
    """A next link to another host or another version of Graph is an error, and is not fetched."""
    directory.on(
        "GET", "/oauth2PermissionGrants", (200, {"value": [{"id": 1}], "@odata.nextLink": link})
    )
    with pytest.raises(MalformedAnswer):
        await graph.grants("sp")
    assert len(directory.asked) == 1


async def test_only_the_newest_sign_ins_are_read(graph: Graph, directory: Directory):
    """Only two pages of the sign-in log are read.

    The log nearly always has a next page, and allows only five requests in ten seconds.
    """
    page = {"value": [{"id": 1}], "@odata.nextLink": f"{BASE}/auditLogs/signIns?$skiptoken=2"}
    directory.on("GET", "/auditLogs/signIns", (200, page))
    assert (await graph.sign_ins("app", WHEN), len(directory.asked)) == ([{"id": 1}, {"id": 1}], 2)


async def test_the_tenants_policies_are_read(graph: Graph, directory: Directory):
    """Each policy has one request, and security defaults are a yes or no."""
    directory.on("GET", "/organization", (200, {"value": [{"id": "t", "verifiedDomains": []}]}))
    directory.on("GET", "/policies/defaultAppManagementPolicy", (200, {"id": "m"}))
    directory.on("GET", "/policies/authorizationPolicy", (200, {"defaultUserRolePermissions": {}}))
    directory.on(
        "GET", "/policies/identitySecurityDefaultsEnforcementPolicy", (200, {"isEnabled": True})
    )
    directory.on("GET", "/servicePrincipals/sp/appRoleAssignments", (200, {"value": [{"id": "r"}]}))
    assert await graph.organization() == {"id": "t", "verifiedDomains": []}
    assert await graph.app_management_policy() == {"id": "m"}
    assert await graph.authorization_policy() == {"defaultUserRolePermissions": {}}
    assert await graph.security_defaults() is True
    assert await graph.app_role_assignments("sp") == [{"id": "r"}]


async def test_a_trace_is_filtered_and_its_details_are_read(graph: Graph, directory: Directory):
    """The filter of a message trace has only the given parts, and quotes in them are doubled."""
    directory.on("GET", "/admin/exchange/tracing/messageTraces", (200, {"value": [{"id": "m"}]}))
    directory.on(
        "GET",
        "/admin/exchange/tracing/messageTraces/m/getDetailsByRecipient(recipientAddress='a@b.c')",
        (200, {"value": [{"event": "Fail"}]}),
    )
    assert await graph.message_traces(
        TraceFilter(WHEN, WHEN, recipient="o'b@c.d", subject="Test")
    ) == [{"id": "m"}]
    assert await graph.message_trace_details("m", "a@b.c") == [{"event": "Fail"}]
    assert httpx.URL(BASE + directory.asked[0][1]).params["$filter"] == (
        "recipientAddress eq 'o''b@c.d' and contains(subject, 'Test')"
        " and receivedDateTime ge 2027-05-20T12:30:01Z and receivedDateTime le 2027-05-20T12:30:01Z"
    )


@pytest.mark.parametrize("body", [{}, {"value": []}, {"id": ""}, [], None])
async def test_an_answer_without_the_object_is_unreadable(
    graph: Graph, directory: Directory, body: Any
):
    """An answer without the object that was asked for does not say that it does not exist."""
    directory.on("GET", "/users/a@contoso.com", (200, body))
    with pytest.raises(MalformedAnswer):
        await graph.user("a@contoso.com")


@pytest.mark.parametrize("body", [{}, {"value": None}, {"value": {}}, {"value": [7]}, []])
async def test_a_page_without_a_list_is_unreadable(graph: Graph, directory: Directory, body: Any):
    """A page of Graph without a list of objects is not an empty page."""
    directory.on("GET", "/oauth2PermissionGrants", (200, body))
    with pytest.raises(MalformedAnswer):
        await graph.grants("sp")


@pytest.mark.parametrize("body", [[], "text", None])
async def test_an_answer_of_another_shape_is_unreadable(
    graph: Graph, directory: Directory, body: Any
):
    """An answer of Graph whose JSON is not an object is unreadable."""
    directory.on("GET", "/policies/authorizationPolicy", (200, body))
    with pytest.raises(MalformedAnswer):
        await graph.authorization_policy()


async def test_the_query_is_written_as_the_documents_write_it(graph: Graph, directory: Directory):
    """A plus sign is sent as ``%2B`` and a space as ``%20``, so every reader decodes them alike."""
    directory.on("GET", "/users", (200, {"value": []}))
    await graph.user("a+b@contoso.com")
    query = directory.asked[-1][1].partition("?")[2]
    wanted = "proxyAddresses/any(p:p%20eq%20'smtp:a%2Bb@contoso.com')%20or%20mail%20eq%20'a%2Bb@contoso.com'"
    assert query.startswith(f"$filter={wanted}&$select=id,accountEnabled,")


@pytest.mark.parametrize(("refusals", "tokens"), [(1, ["t-1", "t-2"]), (2, ["t-1", "t-2"])])
async def test_a_token_that_is_refused_is_renewed_once(
    make_settings: Callable[..., Settings], refusals: int, tokens: list[str]
):
    """A token that Graph refuses is renewed once, because it may have ended early.

    After a second 401 a sign-in is needed.
    """
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"].removeprefix("Bearer "))
        return httpx.Response(401 if len(seen) <= refusals else 200, json={"value": []})

    class Source:
        def __init__(self) -> None:
            self.spent: list[str] = []

        async def __call__(self) -> str:
            return f"t-{len(self.spent) + 1}"

        def spend(self, token: str) -> None:
            self.spent.append(token)

    async with async_client(make_settings(), httpx.MockTransport(answer)) as http:
        asked = Graph(http, Source(), "https://graph.microsoft.com/").grants("sp")
        if refusals == 1:
            assert await asked == []
        else:
            with pytest.raises(SignInNeeded):
                await asked
    assert seen == tokens


async def test_what_must_be_there_is_not_found(graph: Graph):
    """A policy that must exist and is missing raises ``NotFound``."""
    with pytest.raises(NotFound):
        await graph.app_management_policy()


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
