"""Tests of the exact requests to Graph, and of the handling of its answers."""

from contextlib import nullcontext
from urllib.parse import unquote

import httpx
import pytest

from jobs.clouds.errors import MalformedAnswer, NotFound, SignInNeeded, Transient
from jobs.clouds.http import async_client
from jobs.microsoft.graph import Graph, NewPassword
from tests.unit.jobs.microsoft.graph_directory import BASE, WHEN

GRANTS, PASSWORD = "/oauth2PermissionGrants", "/applications/obj/addPassword"
TRACES = "/admin/exchange/tracing/messageTraces"


async def test_a_key_is_quoted_and_encoded(graph, directory):
    """A quote in a key is doubled, and each character with a meaning in a URL is encoded."""
    directory.on("GET", "/applications(uniqueName='o''brien/é&#')", (200, {"id": "a"}))
    assert await graph.application_by_unique_name("o'brien/é&#") == {"id": "a"}
    encoded = "/applications(uniqueName='o%27%27brien%2F%C3%A9%26%23')"
    assert directory.asked == [("GET", encoded, None)]
    assert directory.headers[0]["authorization"] == "Bearer token-1"


POLICIES, OBJECT = "/policies", {"id": "x"}
SECURITY_DEFAULTS = f"{POLICIES}/identitySecurityDefaultsEnforcementPolicy"
MAY = {"defaultUserRolePermissions": {}}
DOMAINS = {"verifiedDomains": ["odd", {"name": "Contoso.com"}]}


@pytest.mark.parametrize(
    ("name", "arguments", "path", "answer", "result"),
    [
        ("application_by_id", "obj", "/applications/obj", OBJECT, OBJECT),
        ("applications", "", "/applications", [OBJECT], [OBJECT]),
        ("verified_domains", "", "/organization", [DOMAINS], {"contoso.com"}),
        ("app_management_policy", "", f"{POLICIES}/defaultAppManagementPolicy", OBJECT, OBJECT),
        ("authorization_policy", "", f"{POLICIES}/authorizationPolicy", MAY, MAY),
        ("security_defaults", "", SECURITY_DEFAULTS, {"isEnabled": True}, True),
        ("app_role_assignments", "s", "/servicePrincipals/s/appRoleAssignments", [], []),
        (
            "message_trace_details",
            "m a@b.c",
            f"{TRACES}/m/getDetailsByRecipient(recipientAddress='a@b.c')",
            [OBJECT],
            [OBJECT],
        ),
    ],
)
async def test_each_read_is_one_documented_request(
    graph, directory, name, arguments, path, answer, result
):
    """Each object and each list has one request with the documented path."""
    body = {"value": answer} if isinstance(answer, list) else answer
    directory.on("GET", path, (200, body))
    assert await getattr(graph, name)(*arguments.split()) == result
    assert len(directory.asked) == 1


async def test_what_is_not_there_is_none(graph):
    """A search that Graph answers with 404 returns None, and is not an error.

    A policy that must exist and is missing raises ``NotFound``.
    """
    by_name, by_id = graph.application_by_unique_name("x"), graph.application_by_app_id("x")
    assert [await by_name, await by_id, await graph.service_principal("x")] == [None] * 3
    with pytest.raises(NotFound):
        await graph.app_management_policy()


async def test_an_upsert_asks_to_create_what_is_missing(graph, directory):
    """An upsert takes the answers of a new application and of a changed one, which is empty.

    A service principal is created with the app's ID and nothing else.
    """
    directory.on("PATCH", "/applications(uniqueName='webex')", (201, {"id": "new"}), (204, None))
    directory.on("POST", "/servicePrincipals", (201, {"id": "sp"}))
    for _ in range(2):
        await graph.upsert_application("webex", {"displayName": "W"})
    await graph.create_service_principal("app-1")
    assert [each[0] for each in directory.asked] == ["PATCH", "PATCH", "POST"]
    assert directory.headers[0]["prefer"] == "create-if-missing"
    assert [directory.asked[0][2], directory.asked[2][2]] == [
        {"displayName": "W"},
        {"appId": "app-1"},
    ]


async def test_a_new_secret_is_asked_for_once_and_kept_out_of_sight(graph, directory):
    """A new secret's end is sent in UTC to the second, and its value is not in the repr.

    If the answer is lost, the caller first looks for a secret that the lost request has made. An
    answer without a text in ``secretText`` is useless.
    """
    directory.on("POST", PASSWORD, (200, {"keyId": "k", "secretText": "abc~secret"}))
    made = await graph.add_password("obj", "webex 1", WHEN)
    assert made == NewPassword("k", "abc~secret")
    assert "abc~secret" not in repr(made)
    wanted = {"displayName": "webex 1", "endDateTime": "2027-05-20T12:30:01Z"}
    assert directory.asked == [("POST", PASSWORD, {"passwordCredential": wanted})]
    for status, value, error in (
        (500, None, Transient),
        (503, None, Transient),
        (200, {"keyId": "k"}, MalformedAnswer),
        (200, {"keyId": "k", "secretText": ["abc~secret"]}, MalformedAnswer),
    ):
        directory.asked.clear()
        directory.on("POST", PASSWORD, (status, value))
        with pytest.raises(error):
            await graph.add_password("obj", "webex 1", WHEN)
        assert len(directory.asked) == 1


async def test_a_grant_is_for_one_user(graph, directory):
    directory.on("POST", GRANTS, (201, {"id": "g"}))
    await graph.create_grant("client", "exchange", "SMTP.Send", "user-1")
    named = {"clientId": "client", "resourceId": "exchange", "scope": "SMTP.Send"}
    assert [each[2] for each in directory.asked] == [
        named | {"consentType": "Principal", "principalId": "user-1"}
    ]


@pytest.mark.parametrize(
    ("name", "arguments", "method", "path", "body"),
    [
        ("update", ("applications", "a", {"x": 1}), "PATCH", "/applications/a", {"x": 1}),
        ("remove_password", ("a", "k"), "POST", "/applications/a/removePassword", {"keyId": "k"}),
        ("delete", ("servicePrincipals", "sp"), "DELETE", "/servicePrincipals/sp", None),
    ],
)
async def test_each_write_is_one_documented_request(
    graph, directory, name, arguments, method, path, body
):
    """Each change and each removal is one request with the documented method, path and body.

    Deleting what is gone already is a success: an earlier try's answer may be lost.
    """
    directory.on(method, path, *([] if method == "DELETE" else [(204, None)]))
    await getattr(graph, name)(*arguments)
    assert directory.asked == [(method, path, body)]


async def test_lists_are_read_over_their_pages_and_nowhere_else(graph, directory):
    """The next page of a list is always read from this Graph, whatever host the next link names.

    A next link to another host or another version of Graph is an error, and is not fetched.
    """
    link = f"http://localhost:9000/v1.0{GRANTS}?$skiptoken=2"
    first = {"value": [{"id": 1}], "@odata.nextLink": link}
    directory.on("GET", GRANTS, (200, first), (200, {"value": [{"id": 2}]}))
    assert await graph.grants("sp") == [{"id": 1}, {"id": 2}]
    assert {headers["host"] for headers in directory.headers} == {"graph.microsoft.com"}
    asked = [unquote(each[1]) for each in directory.asked]
    assert asked == [f"{GRANTS}?$filter=clientId eq 'sp'", f"{GRANTS}?$skiptoken=2"]
    for elsewhere in ("https://evil.test/x", "https://graph.microsoft.com/beta/x?$skiptoken=2", 7):
        directory.asked.clear()
        directory.on("GET", GRANTS, (200, {"value": [{"id": 1}], "@odata.nextLink": elsewhere}))
        with pytest.raises(MalformedAnswer):
            await graph.grants("sp")
        assert len(directory.asked) == 1


async def test_a_list_that_does_not_end_is_not_cut(graph, directory):
    """A list of more pages than the bot reads is an error: what is looked for may be on the rest.

    A trace is cut, because it begins with the newest mail.
    """
    page = {"value": [{"id": 1}], "@odata.nextLink": f"{BASE}{GRANTS}?$skiptoken=2"}
    directory.on("GET", GRANTS, (200, page))
    directory.on("GET", TRACES, (200, page))
    with pytest.raises(MalformedAnswer):
        await graph.grants("sp")
    assert len(directory.asked) == 20
    assert len(await graph.message_traces(WHEN, WHEN, "", "", "")) == 20


async def test_only_the_newest_sign_ins_are_read(graph, directory):
    """The log nearly always has a next page, and allows only five requests in ten seconds."""
    page = {"value": [{"id": 1}], "@odata.nextLink": f"{BASE}/auditLogs/signIns?$skiptoken=2"}
    directory.on("GET", "/auditLogs/signIns", (200, page))
    rows = await graph.sign_ins("appId", "app", WHEN)
    assert (rows, len(directory.asked)) == ([{"id": 1}, {"id": 1}], 2)


async def test_a_trace_is_filtered(graph, directory):
    """The filter of a message trace has only the given parts, and quotes in them are doubled."""
    directory.on("GET", TRACES, (200, {"value": [{"id": "m"}]}))
    assert await graph.message_traces(WHEN, WHEN, "o'b@c.d", "", "Test") == [{"id": "m"}]
    assert directory.filter() == (
        "recipientAddress eq 'o''b@c.d' and contains(subject, 'Test')"
        " and receivedDateTime ge 2027-05-20T12:30:01Z and receivedDateTime le 2027-05-20T12:30:01Z"
    )


@pytest.mark.parametrize(
    ("name", "argument", "path", "bodies"),
    [
        ("user", "a@b.c", "/users/a@b.c", [{}, {"value": []}, {"id": ""}, [], "text", None]),
        ("grants", "sp", GRANTS, [{}, {"value": None}, {"value": {}}, {"value": [7]}, []]),
    ],
)
async def test_an_answer_without_what_was_asked_for_is_unreadable(
    graph, directory, name, argument, path, bodies
):
    """It does not say that the object does not exist, or that a list is empty."""
    for body in bodies:
        directory.on("GET", path, (200, body))
        with pytest.raises(MalformedAnswer):
            await getattr(graph, name)(argument)


async def test_the_query_is_written_as_the_documents_write_it(graph, directory):
    """A plus sign is sent as ``%2B`` and a space as ``%20``, so every reader decodes them alike."""
    directory.on("GET", "/users", (200, {"value": []}))
    await graph.user("a+b@contoso.com")
    query = directory.asked[-1][1].partition("?")[2]
    wanted = "proxyAddresses/any(p:p%20eq%20'smtp:a%2Bb@contoso.com')%20or%20mail%20eq%20'a%2Bb@contoso.com'"
    assert query.startswith(f"$filter={wanted}&$select=id,accountEnabled,")


class Source:
    """Tokens that are numbered; a refused one is followed by the next."""

    spent = 0

    async def __call__(self) -> str:
        return f"t-{self.spent + 1}"

    def spend(self, _: str) -> None:
        self.spent += 1


@pytest.mark.parametrize("refusals", [1, 2])
async def test_a_token_that_is_refused_is_renewed_once(make_settings, refusals):
    """A token that Graph refuses may have ended early. After a second 401 a sign-in is needed."""
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"].removeprefix("Bearer "))
        return httpx.Response(401 if len(seen) <= refusals else 200, json={"value": []})

    async with async_client(make_settings(), httpx.MockTransport(answer)) as http:
        asked = Graph(http, Source(), "https://graph.microsoft.com").grants("sp")
        with nullcontext() if refusals == 1 else pytest.raises(SignInNeeded):
            assert await asked == []
    assert seen == ["t-1", "t-2"]


@pytest.mark.parametrize(
    ("matches", "found"),
    [([{"id": "u"}], {"id": "u"}), ([], None), ([{"id": "u"}, {"id": "v"}], None)],
)
async def test_a_user_is_found_by_an_address_that_is_no_upn(graph, directory, matches, found):
    """An address that is no UPN is searched for among all users' addresses.

    If two users match, none is returned. If the directory does not support the filter, the main
    address alone is searched for. A UPN is a segment of the path, with the # of a guest encoded.
    """
    any_of = "proxyAddresses/any(p:p eq 'smtp:o''brien@contoso.com') or "
    mail, unsupported = "mail eq 'o''brien@contoso.com'", {"code": "Request_UnsupportedQuery"}
    directory.on("GET", "/users", (200, {"value": matches}))
    assert await graph.user("o'brien@contoso.com") == found
    assert directory.filter() == any_of + mail
    directory.on("GET", "/users", (400, {"error": unsupported}), (200, {"value": matches}))
    assert await graph.user("o'brien@contoso.com") == found
    assert directory.filter() == mail
    directory.on("GET", "/users/a#EXT#@contoso.com", (200, {"id": "guest"}))
    assert await graph.user("a#EXT#@contoso.com") == {"id": "guest"}
    assert directory.asked[-1][1].startswith("/users/a%23EXT%23@contoso.com?")


async def test_what_a_filter_let_through_is_looked_at_again(graph, directory):
    """Grants and sign-ins of another app are left out, even if the directory returns them."""
    grants = [{"id": 1, "clientId": "SP"}, {"id": 2, "clientId": "x"}, {"id": 3}]
    directory.on("GET", GRANTS, (200, {"value": grants}))
    sign_ins = [{"id": 1, "appId": "x"}, {"id": 2, "appId": "APP"}]
    directory.on("GET", "/auditLogs/signIns", (200, {"value": sign_ins}))
    assert [each["id"] for each in await graph.grants("sp")] == [1, 3]
    assert [each["id"] for each in await graph.sign_ins("appId", "app", WHEN)] == [2]
