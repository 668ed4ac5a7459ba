"""Recorded answers of Graph, read by the product's own client and readers.

Every answer goes over a real connection as it was sent, undecoded. Its outcome is compared with the
recording's expectation.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest

from jobs.clouds.errors import CloudError
from jobs.clouds.http import async_client
from jobs.microsoft import app_manifest, sign_in_log
from jobs.microsoft.app_manifest import rules_for
from jobs.microsoft.graph import Graph
from jobs.probes.sign_ins import touches
from jobs.steps.service_principal import allows
from tests.contract.reading import at, hold, token
from tests.contract.recordings import COUNTS, Json, Player, cases, entries, needed

pytestmark = [needed, pytest.mark.usefixtures("one_try")]
EMPTY: Json = {"status": 200, "headers": {}, "body": {"value": []}}
OK = 200


def test_no_entry_drops_out():
    """Each file of recordings has the expected number of entries, each with an id of its own."""
    assert {name: len(entries(name)) for name in COUNTS} == COUNTS
    for name in COUNTS:
        assert len({each["id"] for each in entries(name)}) == COUNTS[name]


async def asked(graph: Graph, recorded: Json) -> Any:
    """Send a recorded request with the product's client, in the way that fits its answer."""
    request, body = recorded["request"], recorded["response"].get("body")
    path = request["path"].removeprefix("/v1.0")
    if request["method"] != "GET":
        return await graph.send(request["method"], path, request["body"] or {})
    query = {name: values[0] for name, values in parse_qs(request["query"] or "").items()}
    if isinstance(body, dict) and "value" in body:
        return await graph.collection(path, query)
    return await graph.get(
        path, query, has=next(name for name in body or ["id"] if "@" not in name)
    )


@pytest.mark.parametrize("recorded", cases("graph"))
async def test_graph(cloud: Player, recorded: Json):
    """A recorded success of Graph gives its body, and an error has the expected cause."""
    response = recorded["response"]
    cloud.play(response, EMPTY if "@odata.nextLink" in (response.get("body") or {}) else None)
    async with async_client(at(cloud.base)) as http:
        graph = Graph(http, token, cloud.base)
        if response["status"] >= 400:
            with pytest.raises(CloudError) as failed:
                await asked(graph, recorded)
            hold(failed.value, recorded)
            return
        found = await asked(graph, recorded)
    body = response["body"]
    is_list = recorded["request"]["method"] == "GET" and "value" in body
    assert found == (body["value"] if is_list else body)


SPARED = {
    "Block legacy authentication",
    "Require multifactor authentication for Microsoft admin portals",
}
"""Recorded tenants' policies for other clients and other resources. They do not affect the bot."""
NO_DEMAND = "Reduced reauth frequency at home"
"""Policy of one recorded tenant that demands nothing at sign-in.

It only limits how long a browser stays signed in.
"""
GraphRead = Callable[[Graph, Json], Awaitable[Any]]


async def _user(graph: Graph, body: Json) -> Any:
    found = await graph.user(body["userPrincipalName"])
    return (found or {})["id"] == body["id"]


async def _application(graph: Graph, body: Json) -> Any:
    app = await graph.application_by_id(body["id"])
    listed = [
        (entry["resourceAppId"], access["id"], access["type"].lower())
        for entry in body["requiredResourceAccess"]
        for access in entry["resourceAccess"]
    ]
    assert app_manifest.redirect_uris(app) == tuple(body["web"]["redirectUris"])
    assert (
        app_manifest.issues_access_tokens(app)
        is (body["web"]["implicitGrantSettings"]["enableAccessTokenIssuance"])
    )
    return sorted(app_manifest.declared(app)) == sorted(listed)


async def _applications(graph: Graph, body: Json) -> Any:
    return await graph.applications() == body["value"]


async def _principal(graph: Graph, body: Json) -> Any:
    found = await graph.service_principal(body["appId"])
    names = {each["value"]: each["id"] for each in body["oauth2PermissionScopes"]}
    read = {name: app_manifest.permission_id(found, name) for name in names}
    return read == names


async def _grants(graph: Graph, body: Json) -> Any:
    client = body["value"][0]["clientId"] if body["value"] else "none"
    found = await graph.grants(client)
    return found == [row for row in body["value"] if row["clientId"] == client]


async def _password(graph: Graph, body: Json) -> Any:
    made = await graph.add_password("app", "name", datetime.now(UTC) + timedelta(days=1))
    return (made.key_id, made.secret) == (body["keyId"], body["secretText"])


async def _assignments(graph: Graph, body: Json) -> Any:
    found = await graph.app_role_assigned_to("sp")
    return found == body["value"]


async def _sign_ins(graph: Graph, body: Json) -> Any:
    app_id = body["value"][0]["appId"]
    read = sign_in_log.read(await graph.sign_ins(app_id, datetime(2020, 1, 1, tzinfo=UTC)))
    (row,), (told,) = read, body["value"]
    assert (row.good, row.interactive, row.policies) == (True, True, ())
    assert row.at == datetime.fromisoformat(told["createdDateTime"])
    return (row.user, row.user_id, row.id) == (
        told["userPrincipalName"],
        told["userId"],
        told["id"],
    )


async def _policies(graph: Graph, body: Json) -> Any:
    """Return whether only the known policies spare a sign-in by OAuth, if all policies are on."""
    found = [each | {"state": "enabled"} for each in await graph.conditional_access_policies()]
    assert len(found) == len(body["value"])
    spared = {each["displayName"] for each in found if not touches(each, "user")}
    only_browser = {NO_DEMAND} if "Baseline" in str(body) else set()
    return spared == SPARED | only_browser


async def _organization(graph: Graph, body: Json) -> Any:
    return await graph.organization() == body["value"][0]


async def _authorization(graph: Graph, _body: Json) -> Any:
    return allows(await graph.authorization_policy()) == "custom"


async def _app_management(graph: Graph, _body: Json) -> Any:
    found = rules_for(await graph.app_management_policy(), datetime.now(UTC))
    return (found.forbidden, found.longest) == (False, None)


READERS: dict[str, GraphRead] = {
    r"GET /users/[^/?]+": _user,
    r"GET /users\('[^']+'\)": _user,
    r"GET /applications/[^/]+": _application,
    r"GET /applications": _applications,
    r"GET /servicePrincipals/[^/]+": _principal,
    r"GET /oauth2PermissionGrants": _grants,
    r"POST /applications/[^/]+/addPassword": _password,
    r"GET /servicePrincipals/[^/]+/appRoleAssignedTo": _assignments,
    r"GET /auditLogs/signIns": _sign_ins,
    r"GET /identity/conditionalAccess/policies": _policies,
    r"GET /organization": _organization,
    r"GET /policies/authorizationPolicy": _authorization,
    r"GET /policies/defaultAppManagementPolicy": _app_management,
}
"""Functions of the product that read the answers, by the kind of request."""


def reader_of(recorded: Json) -> GraphRead | None:
    """Return the reader of an answer, or None if the product never asks for that answer."""
    request = recorded["request"]
    name = f"{request['method']} {request['path'].removeprefix('/v1.0')}"
    return next((read for form, read in READERS.items() if re.fullmatch(form, name)), None)


READ = [each for each in entries("graph") if each["response"]["status"] == OK and reader_of(each)]


def test_every_reader_has_an_answer():
    """Each kind of answer that the product reads is recorded, and no recording drops out."""
    assert {reader_of(each) for each in READ} == set(READERS.values())
    assert len(READ) == 35


@pytest.mark.parametrize("recorded", [pytest.param(each, id=each["id"]) for each in READ])
async def test_graphs_objects(cloud: Player, recorded: Json):
    """The product's methods and readers understand the recorded objects of Graph."""
    read = reader_of(recorded)
    assert read is not None
    body = recorded["response"]["body"]
    cloud.play(recorded["response"], EMPTY if "@odata.nextLink" in body else None)
    async with async_client(at(cloud.base)) as http:
        assert await read(Graph(http, token, cloud.base), body)
