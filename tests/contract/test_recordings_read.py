"""Recorded answers of Graph, Exchange and Entra, read by the product's own clients and readers.

Every answer goes over a real connection as it was sent, undecoded. Its outcome is compared with the
recording's expectation.
"""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from jobs.clouds.errors import CloudError
from jobs.clouds.http import async_client, sync_client
from jobs.mail.message_trace import Trace
from jobs.microsoft import app_manifest, sign_in_log
from jobs.microsoft.app_manifest import rules_for
from jobs.microsoft.exchange import ExchangeRow, InvokeCommand
from jobs.microsoft.graph import Graph
from jobs.microsoft.identity import Identity
from jobs.microsoft.outbound_spam import addresses_of, applies_to
from jobs.probes import transport_rules as rules
from jobs.probes.sign_ins import touches
from jobs.settings import Settings
from jobs.steps.service_principal import allows
from tests.contract.recordings import COUNTS, Json, cases, entries, entry, has_answer, needed

pytestmark = [needed, pytest.mark.usefixtures("one_try")]
EMPTY: Json = {"status": 200, "headers": {}, "body": {"value": []}}
OK = 200


def test_no_entry_drops_out():
    """Each file of recordings has the expected number of entries, each with an id of its own."""
    assert {name: len(entries(name)) for name in COUNTS} == COUNTS
    for name in COUNTS:
        assert len({each["id"] for each in entries(name)}) == COUNTS[name]


async def asked(graph, recorded):
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
async def test_graph(cloud, recorded):
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


async def _user(graph, body):
    return (await graph.user(body["userPrincipalName"]) or {})["id"] == body["id"]


async def _application(graph, body):
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


async def _applications(graph, body):
    return await graph.applications() == body["value"]


async def _principal(graph, body):
    found = await graph.service_principal(body["appId"])
    names = {each["value"]: each["id"] for each in body["oauth2PermissionScopes"]}
    return {name: app_manifest.permission_id(found, name) for name in names} == names


async def _grants(graph, body):
    client = body["value"][0]["clientId"] if body["value"] else "none"
    found = await graph.grants(client)
    return found == [row for row in body["value"] if row["clientId"] == client]


async def _password(graph, body):
    made = await graph.add_password("app", "name", datetime.now(UTC) + timedelta(days=1))
    return (made.key_id, made.secret) == (body["keyId"], body["secretText"])


async def _assignments(graph, body):
    return await graph.app_role_assigned_to("sp") == body["value"]


async def _sign_ins(graph, body):
    app_id = body["value"][0]["appId"]
    read = sign_in_log.read(await graph.sign_ins("appId", app_id, datetime(2020, 1, 1, tzinfo=UTC)))
    (row,), (told,) = read, body["value"]
    assert (row.good, row.interactive, row.policies) == (True, True, ())
    assert row.at == datetime.fromisoformat(told["createdDateTime"])
    return (row.user, row.user_id, row.id) == (
        told["userPrincipalName"],
        told["userId"],
        told["id"],
    )


async def _policies(graph, body):
    """Return whether only the known policies spare a sign-in by OAuth, if all policies are on."""
    found = [each | {"state": "enabled"} for each in await graph.conditional_access_policies()]
    assert len(found) == len(body["value"])
    spared = {each["displayName"] for each in found if not touches(each, "user")}
    only_browser = {NO_DEMAND} if "Baseline" in str(body) else set()
    return spared == SPARED | only_browser


async def _organization(graph, body):
    (found,) = body["value"]
    return await graph.verified_domains() == {each["name"] for each in found["verifiedDomains"]}


async def _authorization(graph, _body):
    return allows(await graph.authorization_policy()) == "custom"


async def _app_management(graph, _body):
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


def reader_of(recorded):
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
async def test_graphs_objects(cloud, recorded):
    """The product's methods and readers understand the recorded objects of Graph."""
    read = reader_of(recorded)
    body = recorded["response"]["body"]
    cloud.play(recorded["response"], EMPTY if "@odata.nextLink" in body else None)
    async with async_client(at(cloud.base)) as http:
        assert await read(Graph(http, token, cloud.base), body)


BY_STATUS = {400: "rejected", 401: "sign_in_needed", 403: "not_allowed", 404: "not_found"}
"""Kind of the error, by its HTTP status, for an entry that names no expected kind."""


def at(base):
    """Return settings whose clouds are all on this server."""
    return Settings(
        "https://bot.test", "", "client-1", "secret", (), base, graph_url=base, exchange_url=base
    )


async def token():
    """Return a token."""
    return "token-1"


def hold(error, recorded):
    """Check an error against the recording: its expectation, its status and the service's code."""
    status, body = recorded["response"]["status"], recorded["response"].get("body") or {}
    expect = recorded.get("expect") or {"kind": BY_STATUS[status]}
    assert {name: str(getattr(error, name)) for name in expect} == expect
    told = body.get("error") or body.get("odata.error") or {}
    if told:
        assert error.code
        assert error.message
    assert error.status == status


TENANT = "96279136-fd29-44d4-b554-9db86f375990"


async def run(cloud, recorded):
    """Run the recorded cmdlet with the product's client."""
    command = recorded["request"]["body"]["CmdletInput"]
    async with async_client(at(cloud.base)) as http:
        runner = InvokeCommand(http, token, cloud.base, TENANT, "admin@contoso.com")
        # For the product, few rows are enough if it asks for few. The recording has pages by it.
        given = {name: each for name, each in command["Parameters"].items() if name != "ResultSize"}
        return await runner.run(command["CmdletName"], given)


def own(recorded, base):
    """Return the answer with a next link that leads to this server instead of Exchange's."""
    response = recorded["response"]
    link = response["body"]["@odata.nextLink"].replace("https://outlook.office365.com", base)
    return response | {"body": response["body"] | {"@odata.nextLink": link}}


EXCHANGE = [each for each in entries("exchange") if has_answer(each)]


def test_two_entries_of_exchange_are_claims():
    """Two of Exchange's entries are claims in words, and the other 34 are answers."""
    claims = [each["id"] for each in entries("exchange") if not has_answer(each)]
    assert (len(EXCHANGE), claims) == (34, ["pages", "replication"])


@pytest.mark.parametrize("recorded", [pytest.param(each, id=each["id"]) for each in EXCHANGE])
async def test_exchange(cloud, recorded):
    """A recorded success of Exchange gives its rows, and an error has the expected cause."""
    response = recorded["response"]
    cloud.play(response)
    if response["status"] >= 400:
        with pytest.raises(CloudError) as failed:
            await run(cloud, recorded)
        hold(failed.value, recorded)
        return
    if "@odata.nextLink" in response["body"]:
        cloud.play(own(recorded, cloud.base), entry("exchange", "g2o-complete")["response"])
    rows = await run(cloud, recorded)
    sent = list(response["body"]["value"])
    if "@odata.nextLink" in response["body"]:
        sent += entry("exchange", "g2o-complete")["response"]["body"]["value"]
    assert [dict(row) for row in rows] == [
        {name: value for name, value in row.items() if "@" not in name} for row in sent
    ]


def row_of(number):
    """Return the first row of a recorded answer as the client gives it."""
    return ExchangeRow(entry("exchange", number)["response"]["body"]["value"][0])


def test_the_conditions_of_a_rule_are_those_that_exchange_has():
    """The product knows every condition of a transport rule that Exchange has.

    A whole recorded rule has 200 properties. The conditions are those between From and the last
    pattern.
    """
    names = list(row_of("scuba-get-transportrule"))
    assert len(names) == 200
    first, last = names.index("From"), names.index("AnyOfRecipientAddressMatchesPatterns")
    assert sorted(names[first : last + 1]) == sorted(rules.CONDITIONS)
    assert set(rules.STOPS) <= set(names)


@pytest.mark.parametrize(
    "number",
    [
        "scuba-get-transportrule",
        "g2o-exchangetransportrules-liveEnabledRule",
        "g2o-exchangetransportrules-liveDisabledRule",
    ],
)
def test_a_real_rule_stops_nothing_until_it_has_an_action_that_does(number):
    """A recorded rule stops no mail until it has an action that stops mail.

    With such an action, and a recipient as its only condition, the verdict is certain. With another
    condition, that condition is named as not evaluated.
    """
    rule = row_of(number)
    assert not rules.stops(rule)
    target = "x1@mail.webexconnect.io"
    deletes = ExchangeRow(
        {**rule, "State": "Enabled", "DeleteMessage": True}
        | {
            "FromScope": None,
            "RecipientDomainIs": ["mail.webexconnect.io"],
            "Conditions": [
                "Microsoft.Exchange.MessagingPolicies.Rules.Tasks.RecipientDomainIsPredicate"
            ],
        }
    )
    assert (rules.stops(deletes), rules.names(deletes, target)) == (True, True)
    assert rules.unevaluated(deletes) == ()
    scoped = ExchangeRow({**deletes, "FromScope": "NotInOrganization"})
    assert rules.unevaluated(scoped) == ("FromScope",)


async def test_a_row_of_a_trace(cloud):
    """The product reads a recorded row of a message trace.

    A time in it has seven digits and a Z.
    """
    cloud.play(entry("exchange", "g2o-messagetrace-liveRecord")["response"])
    async with async_client(at(cloud.base)) as http:
        runner = InvokeCommand(http, token, cloud.base, TENANT, "")
        (row,) = await Trace(None, runner).find(datetime.now(UTC) - timedelta(hours=1))
    assert row.received == datetime(2026, 7, 23, 22, 1, 22, 48000, tzinfo=UTC)
    assert (row.status, row.size) == ("delivered", 176814)


def test_the_default_outbound_policy():
    """The recorded default policy is in mode Automatic, which counts as forwarding being off."""
    policy = row_of("g2o-exchangeoutboundspam-liveDefaultPolicy")
    found = applies_to(["support@contoso.com"], [policy], [])
    assert (found.name, found.mode, found.forwards) == ("Default", "Automatic", False)


@pytest.mark.parametrize("number", ["liveUserMailbox", "liveUserMailbox2", "liveDiscoveryMailbox"])
def test_the_addresses_of_a_mailbox(number):
    """Among the addresses of a recorded mailbox, the sending address comes first."""
    row = row_of(f"g2o-exchangemailboxes-{number}")
    assert addresses_of(row)[0] == row["PrimarySmtpAddress"].lower()


# --- Entra ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("recorded", cases("token"))
def test_entra(cloud, recorded):
    """A recorded success of Entra gives its token, and a refusal its expected cause and code."""
    document = entry("token", "token-discovery")["response"]
    host = "https://login.microsoftonline.com"
    names = {
        name: value.replace(host, cloud.base) if isinstance(value, str) else value
        for name, value in document["body"].items()
    }
    cloud.play(document | {"body": names}, recorded["response"])
    with sync_client(at(cloud.base)) as http:
        identity = Identity(cloud.base, http, TENANT, "client-1", "secret")
        if recorded["id"] == "token-discovery":
            identity.discover()
            return
        if recorded["response"]["status"] == OK:
            assert identity.app_token("https://graph.microsoft.com/.default") == "access_token"
            return
        with pytest.raises(CloudError) as failed:
            identity.app_token("https://graph.microsoft.com/.default")
    assert failed.value.cause == recorded["expect"]["cause"]
    told = recorded["response"]["body"]
    assert failed.value.code == f"AADSTS{told['error_description'][6:].partition(':')[0]}"
    assert failed.value.ids.correlation_id == told.get("correlation_id", "")
    assert isinstance(http, httpx.Client)
